# Debian's PostgreSQL 15: the older server that the tests are run against. Nothing in it outlives a crash (fsync is off).
bin=/usr/lib/postgresql/15/bin
START_SECONDS=60

packages() { echo postgresql-15; }
installed() { [ -x "$bin/postgres" ]; }
ready() { [ -f "$folder/port" ] && "$bin/pg_isready" -q -t 3 -h 127.0.0.1 -p "$(cat "$folder/port")"; }

environment() {
  printf 'export DATABASE_URL=postgres://shopfloor:%s@127.0.0.1:%s/postgres\n' "$(cat "$folder/password")" "$(cat "$folder/port")"
}

start_it() {
  [ -f "$folder/data/PG_VERSION" ] || make_data
  local attempt
  for attempt in 1 2 3; do
    # The port of last time first: shells that have read .services/env stay right.
    { [ "$attempt" -eq 1 ] && [ -f "$folder/port" ]; } || free_port >"$folder/port"
    run_server && return
    # A machine that lost its power may have left data that nothing can read; tests keep nothing in there.
    [ "$attempt" -ne 2 ] || make_data
  done
  tail -n 5 "$folder/log" >&2 || true
  fail "postgres15 does not start; $folder/log says why"
}

# Another zone than UTC on purpose: a stranger's server may have any, and no answer may depend on it.
run_server() {
  as_user postgres "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t "$START_SECONDS" -s start -o "-p $(cat "$folder/port") \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=100 -c timezone=Asia/Kolkata \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off" </dev/null >/dev/null 2>&1 9>&-
}

make_data() {
  mkdir -p "$folder"
  rm -rf "$folder/data"
  (umask 077; od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$folder/password")
  [ "$(id -u)" -ne 0 ] || chown -R postgres:postgres "$folder"
  as_user postgres "$bin/initdb" -D "$folder/data" -U shopfloor -A scram-sha-256 --pwfile="$folder/password" \
    -E UTF8 --locale=C.UTF-8 </dev/null >"$folder/initdb.log" 2>&1 || fail "initdb failed; $folder/initdb.log says why"
}

stop_it() { as_user postgres "$bin/pg_ctl" -D "$folder/data" -w -t "$START_SECONDS" -m fast -s stop; }
