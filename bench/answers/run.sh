#!/usr/bin/env bash
# Measures the Collector's otlp_http exporter with and without mlflow_report as its middleware, in turns.
#
#   run.sh           units of 1, 8 and 64 traces, five rounds: about two minutes
#   run.sh --short   units of 8 traces, one round: shows that the benchmark works, no figures
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in
"") exec go test -run '^$' -bench Answers -benchtime 20x -count 5 ./answers ;;
--short) exec go test -run '^$' -bench 'Answers/traces=8/' -benchtime 1x ./answers ;;
*) sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
esac
