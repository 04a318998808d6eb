#!/usr/bin/env bash
# make bench-growth: microseconds per trace of 1 kB in stores of different sizes, from SQLite and PostgreSQL.
#
#   SIZES="10000 100000" ROUNDS=3 bench/backfill/growth.sh
#
# The stores are made in a temporary folder (100,000 traces: 0.5 GB for SQLite, about as much for PostgreSQL) and removed.
#
#   bench/backfill/growth.sh --short   a store of 500 traces, one round: shows that it works, no figures
set -euo pipefail
export N=500 SMALL=1
case ${1:-} in
"") ;;
--short) SIZES=500 ROUNDS=1 ;;
*) sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. bench/backfill/prepare.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/bench-growth-XXXXXX")
trap 'rm -rf "$work"' EXIT
stores=()
for size in ${SIZES:-10000 100000}; do
	# shellcheck disable=SC2154 # set by prepare.sh
	"$python" bench/backfill/grow.py "$store" "$size" "$work/$size" >&2
	stores+=("$work/$size")
done
# shellcheck disable=SC2154 # set by prepare.sh
"$python" bench/backfill/growth.py "$tools" "${ROUNDS:-3}" "${stores[@]}"
