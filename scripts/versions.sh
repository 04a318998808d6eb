#!/bin/sh
# Fails when a builder file, or the how-to with stanzas for one, and go.mod name different versions of a
# module that both have, when the collector versions of these files are not one stable and one beta, or when the
# distribution with Apache Kafka lacks a part of the default one.
set -eu
how_to=docs/how-to/custom-collector.md
status=0
verify=extension/mlflowverifyextension/go.mod
for file in builder-config*.yaml "$how_to" "$verify"; do
  bad=$(awk '
    FNR == NR { if ($1 ~ /^[a-z].*\..*\//) mod[$1] = $2; next }
    $1 == "-" && $2 == "gomod:" { name = $3; version = $4 }
    $1 ~ /^[a-z].*\..*\// { name = $1; version = $2 }
    (name in mod) && mod[name] != version { print FILENAME ": " name " " version ", go.mod has " mod[name] }
    { name = "" }
  ' go.mod "$file")
  if [ -n "$bad" ]; then echo "$bad"; status=1; fi
done
# The newest routingconnector that can be downloaded is one version behind; it builds with the others.
collector='go\.opentelemetry\.io/collector|github\.com/open-telemetry/opentelemetry-collector-contrib'
pairs=$(grep -hoE "($collector)[^ @]*[ @]v[0-9.]+" go.mod builder-config*.yaml "$how_to" "$verify" | grep -v routingconnector |
  awk -F '[ @]' '{print $2}' | sort -u)
if [ "$(printf '%s\n' "$pairs" | wc -l)" -ne 2 ]; then
  echo "collector modules must have one stable and one beta version, found:" $pairs
  status=1
fi
# The same lines in the same order, with those of Kafka between them.
parts() { grep -vE '^#|^  (name|description|output_path): ' "$1"; }
more=$(parts builder-config.kafka.yaml |
  grep -vE 'contrib/(receiver/kafkareceiver|exporter/kafkaexporter) |extension/mlflowverifyextension')
if [ "$(parts builder-config.yaml)" != "$more" ]; then
  echo "builder-config.kafka.yaml must be builder-config.yaml with kafkareceiver, kafkaexporter and mlflow_verify"
  status=1
fi
# `components` says which collector a distribution is.
beta=$(awk '$1 == "go.opentelemetry.io/collector/exporter/exporterhelper" { print $2 }' go.mod)
for file in builder-config*.yaml; do
  grep -q "^  description: OpenTelemetry Collector $beta " "$file" || {
    echo "$file: the description must name the collector version $beta"
    status=1
  }
done
exit $status
