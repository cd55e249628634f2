# What the services that run on Java have in common; sourced by them, with `version` set. What differs they say after that.
JDK_OLDEST=17
JDK_NEWEST=21
START_TRIES=360
# The scripts that run a server are given its home, and want only the JDK of this file.
[ -z "${service:-}" ] || home="$folder/$service-$version"

packages() { echo openjdk-17-jdk-headless maven; }
installed() { [ -f "$home/.complete" ] && find_jdk >/dev/null; }
ready() { [ -f "$folder/port" ] && engine_ready "$(cat "$folder/port")"; }
stop_it() { stop_engine; }

environment() {
  printf 'export %s_URL=http://127.0.0.1:%s\n' "${service^^}" "$(cat "$folder/port")"
  printf 'export %s_HOME=%s\n' "${service^^}" "$home"
}

# Prints the folder of a JDK that fits, compiler included; fails when there is none.
find_jdk() {
  local home major
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/*-17-* /usr/lib/jvm/*-21-* /usr/lib/jvm/*; do
    [ -n "$home" ] && [ -x "$home/bin/javac" ] || continue
    major=$("$home/bin/javac" -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
    [ -n "$major" ] && [ "$major" -ge "$JDK_OLDEST" ] && [ "$major" -le "$JDK_NEWEST" ] && { printf '%s\n' "$home"; return; }
  done
  return 1
}

# Brings a JDK and Maven where root may; says what is missing where not.
require_java() {
  find_jdk >/dev/null && command -v mvn >/dev/null && return
  local list
  list=$(packages)
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || skip "$service needs a JDK of $JDK_OLDEST to $JDK_NEWEST and Maven, and one is missing; this brings them: sudo apt-get install -y $list"
  say "installing $list"
  # shellcheck disable=SC2086 -- a list of packages
  DEBIAN_FRONTEND=noninteractive timeout "$INSTALL_SECONDS" apt-get install -y --no-install-recommends $list </dev/null >"$state/install.log" 2>&1 ||
    skip "$list could not be installed; $state/install.log says why"
  find_jdk >/dev/null && command -v mvn >/dev/null || skip "$service needs a JDK of $JDK_OLDEST to $JDK_NEWEST and Maven"
}

# One goal of Maven's dependency plugin, quietly: fetch GOAL -Doption=value ...
fetch() {
  timeout "$INSTALL_SECONDS" mvn -q -B "$@" </dev/null >"$state/install.log" 2>&1 || fail "$service could not be fetched; $state/install.log says why"
}

# Whether the engine on this port has its shards: it answers before that, and then fails searches.
engine_ready() {
  local answer
  answer=$( (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /_cluster/health?wait_for_status=yellow&timeout=1s HTTP/1.0\r\n\r\n' >&3 && timeout 3 cat <&3) 2>/dev/null) || return 1
  [[ $answer == *'"timed_out":false'* ]]
}

# Runs a server in the background until it answers: start_engine COMMAND ... ; its number is in $folder/pid.
start_engine() {
  local try
  for try in $(seq "$START_TRIES"); do
    if [ "$try" -eq 1 ]; then
      { [ -f "$folder/port" ] && ! (exec 3<>"/dev/tcp/127.0.0.1/$(cat "$folder/port")") 2>/dev/null; } || free_port >"$folder/port"
      setsid nohup "$@" "$folder" "$(cat "$folder/port")" </dev/null >"$folder/log" 2>&1 9>&- &
    fi
    engine_ready "$(cat "$folder/port")" && return
    sleep 0.25
  done
  tail -n 5 "$folder/log" >&2 || true
  fail "$service does not start; $folder/log says why"
}

stop_engine() {
  local pid
  pid=$(cat "$folder/pid")
  kill "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
