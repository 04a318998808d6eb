#!/usr/bin/env bash
# What it takes to follow a source: how long after its end a trace arrives, and memory over many looks.
#
#   run.sh           latency for two minutes by REST, then memory over 5,000 looks at a store of 100,000 traces:
#                    25 minutes
#   run.sh latency | memory
#   run.sh --short   both for seconds with a small store: shows that the benchmark works, no figures
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
usage() { sed -n 's/^# \{0,1\}//p' bench/tail/run.sh >&2; exit 2; }
what=all seconds=120 looks=5000
export N=100000
case ${1:-} in
"") ;;
latency | memory) what=$1 ;;
--short) seconds=4 looks=20 N=500 SMALL=1 ;;
*) usage ;;
esac
. bench/backfill/prepare.sh
[ "$what" = memory ] || "$python" bench/tail/tail.py latency "$seconds"
# shellcheck disable=SC2154 # set by prepare.sh
[ "$what" = latency ] || "$python" bench/tail/tail.py memory "$store" "$looks"
