# What start, stop and status have in common. Each <service>.bash beside this file defines five functions:
#   packages     prints the packages of the system that the service is made of
#   installed    succeeds when they are there
#   start_it     starts the service and returns when it answers; it is not running when this is called
#   stop_it      stops it, by the id in its own pid file, and returns when it is gone
#   ready        succeeds while it answers
#   environment  prints the `export NAME=value` lines that lead to it
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
state="$root/.services"
INSTALL_SECONDS=600
LOCK_SECONDS=900
SKIPPED=3

say() { printf 'services: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
# For what this machine can't have: whoever asked for all services gets the others.
skip() { say "$service is skipped: $*"; exit "$SKIPPED"; }

all_services() {
  local file
  for file in "$here"/*.bash; do
    file=$(basename "$file" .bash)
    [ "$file" = frame ] || printf '%s\n' "$file"
  done
}

# The names given, or all of them.
chosen() {
  local name
  [ $# -gt 0 ] || { all_services; return; }
  for name in "$@"; do
    [ "$name" != frame ] && [ -f "$here/$name.bash" ] || fail "there is no service '$name'; there are: $(all_services | tr '\n' ' ')"
    printf '%s\n' "$name"
  done
}

load() {
  service=$1
  folder=$(folder_of "$service")
  # shellcheck source=/dev/null
  . "$here/$service.bash"
}

# A server that refuses to run as root needs a folder that its own user can reach; a checkout below /root is none.
folder_of() {
  if [ "$(id -u)" -ne 0 ] || ! id "$(user_of "$1")" >/dev/null 2>&1 || as_user "$(user_of "$1")" test -x "$root"; then
    printf '%s/%s\n' "$state" "$1"
  else
    printf '/var/lib/shopfloor/services-%s/%s\n' "$(printf %s "$root" | cksum | cut -d' ' -f1)" "$1"
  fi
}

# The user that a service runs as when root starts it, by the first word of its name.
user_of() { printf '%s\n' "${1%%[0-9]*}"; }

as_user() {
  local user=$1
  shift
  if [ "$(id -u)" -eq 0 ]; then
    setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
  else
    "$@"
  fi
}

install_missing() {
  installed && return
  local list
  list=$(packages)
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || fail "$service is not installed; this brings it: sudo apt-get install -y $list"
  say "installing $list"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 -- a list of packages
  timeout "$INSTALL_SECONDS" apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold $list </dev/null >"$state/install.log" 2>&1 ||
    { timeout "$INSTALL_SECONDS" apt-get update </dev/null >>"$state/install.log" 2>&1 &&
      timeout "$INSTALL_SECONDS" apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold $list </dev/null >>"$state/install.log" 2>&1; } ||
    fail "$list could not be installed; $state/install.log says why"
}

free_port() {
  local port attempt
  for attempt in $(seq 50); do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s\n' "$port"; return; }
  done
  fail "no free port in $attempt attempts"
}

# One command at a time, so that two starts do not make two servers over the same folder.
take_turn() {
  mkdir -p "$state"
  exec 9>"$state/lock"
  flock -w "$LOCK_SECONDS" 9 || fail "another start or stop has not ended within $LOCK_SECONDS s"
}

write_environment() {
  local name
  (umask 077; : >"$state/env.new")
  for name in $(all_services); do
    (load "$name"; if installed && ready; then environment; fi) >>"$state/env.new"
  done
  mv "$state/env.new" "$state/env"
}
