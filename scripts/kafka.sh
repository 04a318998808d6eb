#!/bin/sh
# Installs what the tests of Apache Kafka start: Java and Maven from the packages of Debian or Ubuntu, where they are
# absent, and a broker, which Maven gets. Nothing is started: tests start brokers of their own on loopback.
set -eu
missing=
command -v java >/dev/null || missing="$missing default-jre-headless"
command -v mvn >/dev/null || missing="$missing maven"
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086 # a list
  "$(dirname "$0")/packages.sh" $missing
fi
"$(dirname "$0")/../test/kafkabroker/jars.sh" >/dev/null
