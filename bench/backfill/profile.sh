#!/usr/bin/env bash
# Where a backfill spends the time of the processor:
#
#   bench/backfill/profile.sh FILE [FLAGS of go tool pprof]      after make build; with -cum: by what calls what
#
# FILE is the mlflow.db of a store, which is read on one core. With SERVER=postgresql or mysql a server gets a copy of
# it, which is read with two connections on all cores. The distribution is built once more, with symbols and with a
# profile of the whole run. Takes two minutes on a quiet machine.
set -euo pipefail
[ $# -ge 1 ] || { sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2; }
file=$(realpath "$1")
shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/src"
cp dist/*.go dist/go.mod dist/go.sum "$scratch/src"
sed -i "s#=> \.\.#=> $PWD#" "$scratch/src/go.mod"
sed -i 's#err := run(set)#err := profiled(func() error { return run(set) })#' "$scratch/src/main.go"
cat >"$scratch/src/profiled.go" <<'GO'
package main

import (
	"os"
	"runtime/pprof"
)

func profiled(f func() error) error {
	out, err := os.Create(os.Getenv("BENCH_OUT") + "/profile")
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer out.Close()
	defer pprof.StopCPUProfile()
	return f()
}
GO
CGO_ENABLED=0 go build -C "$scratch/src" -o "$scratch/collector" .
source=sqlite:///$file
settings=()
export GOMAXPROCS=1
if [ -n "${SERVER:-}" ]; then
	go build -C test -o "$scratch/" ./databases/dbserver
	coproc database { exec "$scratch/dbserver" "$SERVER" "$file"; } # ends with its input, which is this script's
	read -r answer <&"${database[0]}"
	source=$(sed -n 's/.*"uri": *"\([^"]*\)".*/\1/p' <<<"$answer")
	[ -n "$source" ] || { echo "no server: $answer" >&2 && exit 1; }
	settings=(--set receivers.mlflow.concurrency=2)
	unset GOMAXPROCS
fi
GOGC=200 BENCH_SOURCE="$source" BENCH_END='' BENCH_OUT="$scratch" \
	"$scratch/collector" --config bench/backfill/backfill.yaml "${settings[@]}" >&2
go tool pprof -top "$@" "$scratch/collector" "$scratch/profile"
