# AWS Lambda's runtime interface emulator, and the Node.js that its nodejs24.x runs: tests run the function in them.
# There is no server to start: a test starts an emulator of its own, because a killed function takes it along.
emulator_version=1.170.0
emulator_hash=sha256:24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf
node_version=24.21.0

packages() { echo python3-pip; }
installed() { [ -x "$folder/$emulator_version/emulator" ] && [ -x "$folder/node-$node_version/bin/node" ]; }
ready() { installed; }

environment() {
  printf 'export LAMBDA_EMULATOR=%s\n' "$folder/$emulator_version/emulator"
  printf 'export LAMBDA_NODE=%s\n' "$folder/node-$node_version/bin/node"
}

require_pip() {
  python3 -m pip --version >/dev/null 2>&1 && return
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null ||
    skip "the emulator is fetched with pip, which is missing; this brings it: sudo apt-get install -y $(packages)"
  say "installing $(packages)"
  DEBIAN_FRONTEND=noninteractive timeout "$INSTALL_SECONDS" apt-get install -y --no-install-recommends "$(packages)" </dev/null >"$state/install.log" 2>&1 ||
    skip "$(packages) could not be installed; $state/install.log says why"
}

# In place of the frame's: AWS packs the emulator into the wheel of its command line, of which nothing else is wanted.
install_missing() {
  installed && return
  local arch node
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) arch=x86_64 node=x64 ;;
    Linux-aarch64 | Linux-arm64) arch=arm64 node=arm64 ;;
    *) skip "the emulator runs on Linux only" ;;
  esac
  require_pip
  rm -rf "$folder"
  mkdir -p "$folder/fetched" "$folder/$emulator_version"
  say "fetching the Lambda emulator and Node.js $node_version"
  printf 'aws-sam-cli==%s --hash=%s\n' "$emulator_version" "$emulator_hash" >"$folder/fetched/wanted.txt"
  timeout "$INSTALL_SECONDS" python3 -m pip download -q --no-deps --require-hashes -r "$folder/fetched/wanted.txt" -d "$folder/fetched" \
    </dev/null >"$state/install.log" 2>&1 || fail "the emulator could not be fetched; $state/install.log says why"
  python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
    "$folder/fetched/aws_sam_cli-$emulator_version-py3-none-any.whl" "samcli/local/rapid/aws-lambda-rie-$arch" >"$folder/fetched/emulator"
  chmod +x "$folder/fetched/emulator"
  (cd "$folder/fetched" && timeout "$INSTALL_SECONDS" npm pack --loglevel error "node-linux-$node@$node_version" </dev/null >"$state/install.log" 2>&1 &&
    tar -xzf "node-linux-$node-$node_version.tgz") || fail "Node.js $node_version could not be fetched; $state/install.log says why"
  mv "$folder/fetched/package" "$folder/node-$node_version"
  mv "$folder/fetched/emulator" "$folder/$emulator_version/emulator"
  rm -rf "$folder/fetched"
}

start_it() { :; }
stop_it() { :; }
