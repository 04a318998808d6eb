#!/usr/bin/env bash
# Prints the folder that has the jars of an Apache Kafka broker.
#
#   test/kafkabroker/jars.sh   ->  /home/you/.cache/otelcol-mlflow/kafka/4f3c…
#
# Maven gets them once, by pom.xml, 45 MB, into ${OTELCOL_MLFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-mlflow}.
# The name holds a hash of pom.xml. It counts as made only when the file `complete` is in it; parallel callers wait for
# each other. Progress goes to stderr; stdout holds the path only.
set -euo pipefail
umask 022

pom=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/pom.xml
cache=${OTELCOL_MLFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-mlflow}/kafka
jars=$cache/$(sha256sum "$pom" | cut -c1-12)

if [ ! -f "$jars/complete" ]; then
  mkdir -p "$cache"
  # The lock is held by this shell's descriptor: it is gone when the process is, however it ends.
  exec 9>"$jars.lock"
  flock 9
fi
if [ ! -f "$jars/complete" ]; then
  rm -rf "$jars"
  mvn -q -B -Dstyle.color=never -f "$pom" dependency:copy-dependencies \
    -DoutputDirectory="$jars" -DincludeScope=runtime >&2
  : >"$jars/complete"
  echo "jars.sh: got the broker in ${SECONDS}s" >&2
fi
echo "$jars"
