#!/usr/bin/env bash
# What the receiver costs the other users of a tracking server: latencies of a client that logs and searches, alone
# and while a backfill (max_source_utilization 0.5 and 1) or a tail reads the same one-worker server, in rounds.
#
#   N=20000 SECONDS_EACH=20 ROUNDS=5 bench/backfill/neighbour.sh       seven minutes
#
# The store and the Python environments are those of run.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. bench/backfill/prepare.sh

# shellcheck disable=SC2154 # set by prepare.sh
exec "$python" bench/backfill/neighbour.py "$store" "${SECONDS_EACH:-20}" "${ROUNDS:-5}"
