#!/usr/bin/env bash
# Measures the databricks exporter beside the Collector's otlp_http exporter: same batches, same queue, a local server.
#
#   run.sh           1, 4 and 10 producers, 300 batches each, five rounds: half a minute
#   run.sh --short   4 producers, 8 batches of 64 traces, one round: shows that the benchmark works, no figures
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in
"") exec go test -run '^$' -bench Export -benchtime 300x -count 5 ./databricks ;;
--short) exec go test -run '^$' -bench 'Export/producers=4$' -benchtime 8x ./databricks ;;
*) sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
esac
