#!/usr/bin/env bash
# What a backfill costs the other users of a tracking server: latencies of a client that logs and
# searches, alone and while a backfill with default settings reads the same one-worker server.
#
#   N=20000 SECONDS_EACH=40 bench/backfill/neighbour.sh
#
# The store and the Python environments are those of run.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. bench/backfill/prepare.sh

# shellcheck disable=SC2154 # set by prepare.sh
exec "$python" bench/backfill/neighbour.py "$store" "${SECONDS_EACH:-40}"
