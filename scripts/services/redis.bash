# Redis: what several processes share beside the database, and the streams of MESSAGING=redis. It writes an append-only
# file, so that parcels outlive a restart; without one they would be relayed again, later.
# Tests start one of their own from the same packages.
START_TRIES=100

packages() { echo redis-server redis-tools; }
installed() { command -v redis-server >/dev/null && command -v redis-cli >/dev/null; }
ready() { [ -f "$folder/port" ] && [ "$(timeout 3 redis-cli -h 127.0.0.1 -p "$(cat "$folder/port")" ping 2>/dev/null)" = PONG ]; }
environment() { printf 'export REDIS_URL=redis://127.0.0.1:%s\n' "$(cat "$folder/port")"; }

start_it() {
  mkdir -p "$folder"
  [ "$(id -u)" -ne 0 ] || chown redis:redis "$folder"
  local attempt try
  for attempt in 1 2 3; do
    # The port of last time first: shells that have read .services/env stay right.
    { [ "$attempt" -eq 1 ] && [ -f "$folder/port" ]; } || free_port >"$folder/port"
    as_user redis redis-server --bind 127.0.0.1 --port "$(cat "$folder/port")" --dir "$folder" --save '' --appendonly yes \
      --daemonize yes --pidfile "$folder/pid" --logfile "$folder/log" </dev/null >/dev/null 2>&1 9>&- || continue
    for try in $(seq "$START_TRIES"); do
      ready && return
      sleep 0.1
    done
  done
  fail "redis does not start; $folder/log says why"
}

stop_it() {
  local pid
  pid=$(cat "$folder/pid")
  kill "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
