#!/usr/bin/env bash
# make bench-backfill: traces per second of the backfill by REST and from SQLite, beside null
# readers and the usual Python recipe.
#
#   N=20000 ROUNDS=5 RECIPE=1000 REST_END=2026-01-04T18:00:00Z bench/backfill/run.sh
#
# N is the size of the store (at least 10,000), made once; REST reads its traces before REST_END (an
# eighth; empty: all), the recipe RECIPE traces. The store and the Python environments are kept
# under ${OTELCOL_MLFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-mlflow}, outside the
# checkout. Takes about five minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. bench/backfill/prepare.sh

# shellcheck disable=SC2154 # set by prepare.sh
exec "$python" bench/backfill/measure.py "$store" "$tools" "${ROUNDS:-5}" "${RECIPE:-1000}"
