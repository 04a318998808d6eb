#!/usr/bin/env bash
# Where a backfill from SQLite spends the time of the processor, on one core:
#
#   bench/backfill/profile.sh FILE [FLAGS of go tool pprof]      after make build; with -cum: by what calls what
#
# FILE is the mlflow.db of a store. The distribution is built once more, with symbols and with a profile of the whole
# run. Takes two minutes on a quiet machine.
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
GOGC=200 GOMAXPROCS=1 BENCH_SOURCE="sqlite:///$file" BENCH_END='' BENCH_OUT="$scratch" \
	"$scratch/collector" --config bench/backfill/backfill.yaml >&2
go tool pprof -top "$@" "$scratch/collector" "$scratch/profile"
