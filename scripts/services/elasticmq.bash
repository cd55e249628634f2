# ElasticMQ: a server that speaks SQS, from Maven's repository. It keeps nothing: it starts with no queue.
# Tests that hurt it start one of their own from the same jars.
version=1.7.1
# shellcheck source=/dev/null
. "$here/java/jdk.bash"

# Any region does; the server has none.
environment() {
  printf 'export SQS_ENDPOINT=http://127.0.0.1:%s\n' "$(cat "$folder/port")"
  printf 'export ELASTICMQ_HOME=%s\n' "$home"
  # shellcheck disable=SC2016 -- for the shell that reads it
  printf 'export AWS_REGION="${AWS_REGION:-eu-central-1}"\n'
}

# In place of the one for search engines.
engine_ready() {
  local answer
  answer=$( (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3 && timeout 3 cat <&3) 2>/dev/null) || return 1
  [[ $answer == HTTP/1.?' 200 '* ]]
}

# In place of the frame's: the packages bring what fetches it.
install_missing() {
  installed && return
  require_java
  mkdir -p "$folder"
  rm -rf "$home"
  say "fetching elasticmq $version"
  cat >"$folder/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>shopfloor</groupId><artifactId>elasticmq</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.elasticmq</groupId><artifactId>elasticmq-server_3</artifactId><version>$version</version></dependency>
  </dependencies>
</project>
POM
  fetch -f "$folder/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$home/lib"
  touch "$home/.complete"
}

start_it() { start_engine "$here/java/run-elasticmq" "$home"; }
