# Elasticsearch 8, as Maven's repository has it: a real server with few modules, and a plugin of ours for the English that it lacks.
version=8.19.21
# shellcheck source=/dev/null
. "$here/java/jdk.bash"

# In place of the frame's: the packages bring what fetches it.
install_missing() {
  installed && return
  require_java
  # It refuses to run as root.
  [ "$(id -u)" -ne 0 ] || id elasticsearch >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin elasticsearch ||
    fail "the user 'elasticsearch' could not be made"
  folder=$(folder_of "$service")
  home="$folder/elasticsearch-$version"
  mkdir -p "$folder"
  rm -rf "$home"
  say "fetching elasticsearch $version"
  fetch dependency:copy -Dartifact="org.elasticsearch.distribution.integ-test-zip:elasticsearch:$version:zip" -DoutputDirectory="$folder"
  (cd "$folder" && "$(find_jdk)/bin/jar" xf "elasticsearch-$version.zip") || fail "elasticsearch-$version.zip could not be unpacked"
  rm "$folder/elasticsearch-$version.zip"
  chmod +x "$home"/bin/*
  [ "$(id -u)" -ne 0 ] || chown -R elasticsearch: "$folder"
  touch "$home/.complete"
}

# The source may have changed since the last start.
add_plugin() {
  local jdk sum plugin="$home/plugins/english-analysis"
  sum=$(cksum <"$here/java/EnglishAnalysisPlugin.java")
  [ "$sum" != "$(cat "$home/.plugin.sum" 2>/dev/null)" ] || return 0
  jdk=$(find_jdk)
  mkdir -p "$plugin" "$home/config"
  "$jdk/bin/javac" --release 17 -nowarn -cp "$home/lib/*" -d "$plugin/classes" "$here/java/EnglishAnalysisPlugin.java" >"$state/install.log" 2>&1 &&
    "$jdk/bin/jar" cf "$plugin/english-analysis.jar" -C "$plugin/classes" . || fail "the plugin could not be compiled; $state/install.log says why"
  rm -r "$plugin/classes"
  printf '%s\n' "$sum" >"$home/.plugin.sum"
  printf '%s\n' 'description=English for an Elasticsearch without analysis-common' version=1.0.0 name=english-analysis \
    classname=shopfloor.EnglishAnalysisPlugin java.version=17 "elasticsearch.version=$version" >"$plugin/plugin-descriptor.properties"
}

start_it() {
  add_plugin
  start_engine "$here/java/run-elasticsearch" "$home"
}
