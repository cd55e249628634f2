# Toxiproxy, which tests put between our processes and the database to delay, swallow, reset and cut what passes.
version=v2.12.0
bin="$state/bin/toxiproxy-$version"
START_TRIES=100

packages() { echo golang-go; }
installed() { [ -x "$bin" ]; }

ready() {
  [ -f "$folder/port" ] || return 1
  local answer
  answer=$( (exec 3<>"/dev/tcp/127.0.0.1/$(cat "$folder/port")" && printf 'GET /version HTTP/1.0\r\n\r\n' >&3 && timeout 3 cat <&3) 2>/dev/null) || return 1
  [[ $answer == *'"version"'* ]]
}

environment() { printf 'export TOXIPROXY_URL=http://127.0.0.1:%s\n' "$(cat "$folder/port")"; }

# In place of the frame's: no distribution has it, Go's module proxy does, with a checksum that Go verifies.
install_missing() {
  installed && return
  command -v go >/dev/null || skip "it is built with Go, which is missing; this brings it: sudo apt-get install -y $(packages)"
  say "building toxiproxy $version"
  local build="$state/bin/build.$$"
  mkdir -p "$build"
  GOBIN="$build" GOFLAGS=-mod=mod timeout "$INSTALL_SECONDS" go install "github.com/Shopify/toxiproxy/v2/cmd/server@$version" >"$state/install.log" 2>&1 ||
    { rm -rf "$build"; fail "toxiproxy could not be built; $state/install.log says why"; }
  mv "$build/server" "$bin"
  rm -rf "$build"
}

start_it() {
  mkdir -p "$folder"
  local try
  { [ -f "$folder/port" ] && ! (exec 3<>"/dev/tcp/127.0.0.1/$(cat "$folder/port")") 2>/dev/null; } || free_port >"$folder/port"
  setsid nohup "$bin" -host 127.0.0.1 -port "$(cat "$folder/port")" </dev/null >"$folder/log" 2>&1 9>&- &
  echo $! >"$folder/pid"
  for try in $(seq "$START_TRIES"); do
    ready && return
    sleep 0.1
  done
  fail "toxiproxy does not start; $folder/log says why"
}

stop_it() {
  local pid
  pid=$(cat "$folder/pid")
  kill "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
