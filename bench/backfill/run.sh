#!/usr/bin/env bash
# make bench-backfill: traces per second of the backfill by REST, from SQLite, PostgreSQL and MariaDB, beside null
# readers and the usual Python recipe.
#
#   N=20000 ROUNDS=5 RECIPE=1000 REST_END=2026-01-04T18:00:00Z bench/backfill/run.sh
#
# N is the size of the store (at least 10,000), made once; REST reads its traces before REST_END (an
# eighth; empty: all), the recipe RECIPE traces. The store and the Python environments are kept
# under ${OTELCOL_MLFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-mlflow}, outside the
# checkout. PostgreSQL and MariaDB are those of scripts/databases.sh; each gets a copy of the store, which is removed
# at the end, and is NOT RUN where it is not installed. Takes about eight minutes, and with N=200000, which takes 12 GB
# of disk, about half an hour. SOURCES="rest sqlite postgresql mysql" measures some of them.
#
#   bench/backfill/run.sh --short   500 traces, one round: shows that the benchmark works, no figures
set -euo pipefail
case ${1:-} in
"") ;;
--short)
	export N=500 SMALL=1 ROUNDS=1 RECIPE=50 REST_END=
	;;
*) sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. bench/backfill/prepare.sh

# shellcheck disable=SC2154 # set by prepare.sh
exec "$python" bench/backfill/measure.py "$store" "$tools" "${ROUNDS:-5}" "${RECIPE:-1000}"
