#!/usr/bin/env bash
# Makes sets of delivered traces in file_storage and prints their size, time and memory.
#
#   run.sh           10 million traces in one experiment, and a million in 400, without and with fsync: minutes
#   run.sh --short   20,000 traces: shows that the benchmark works, no figures
#
# environment: FOLDER, where the sets are made; the default is a folder that is removed at the end
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=${FOLDER:-$work/sets}
go build -o "$work/delivered" ./delivered
case ${1:-} in
"")
	for fsync in false true; do
		"$work/delivered" -fsync="$fsync" "$folder/one-$fsync"
		"$work/delivered" -fsync="$fsync" -traces 1000000 -experiments 400 -unit 100 "$folder/many-$fsync"
	done
	;;
--short) "$work/delivered" -traces 20000 -experiments 4 "$folder/short" ;;
*) sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
esac
