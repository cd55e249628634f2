# RabbitMQ, one of the engines that carry deliveries to the workers; it keeps what it has on disk.
# Tests that hurt it start one of their own from the same package.
START_TRIES=600

packages() { echo rabbitmq-server; }
installed() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && command -v epmd >/dev/null; }

# It greets nobody before it was greeted, and then says what it speaks.
ready() {
  [ -f "$folder/port" ] || return 1
  local answer
  answer=$( (exec 3<>"/dev/tcp/127.0.0.1/$(cat "$folder/port")" && printf 'AMQP\0\0\11\1' >&3 && timeout 3 head -c 64 <&3 | tr -d '\0') 2>/dev/null) || return 1
  [[ $answer == *capabilities* ]]
}

environment() { printf 'export RABBITMQ_URL=amqp://guest:guest@127.0.0.1:%s\n' "$(cat "$folder/port")"; }

start_it() {
  mkdir -p "$folder"
  [ "$(id -u)" -ne 0 ] || chown -R rabbitmq: "$folder"
  local try
  # The ports of last time: shells that have read .services/env stay right, and the node's name, under which its data lies.
  [ -f "$folder/port" ] || free_port >"$folder/port"
  as_user rabbitmq setsid nohup "$here/rabbitmq/run-node" "$folder" "$(cat "$folder/port")" "$(free_port)" "$(free_port)" \
    </dev/null >"$folder/log" 2>&1 9>&- &
  for try in $(seq "$START_TRIES"); do
    ready && return
    sleep 0.1
  done
  fail "rabbitmq does not start; $folder/log says why"
}

stop_it() {
  local pid
  pid=$(cat "$folder/pid")
  kill "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
