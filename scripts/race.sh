#!/bin/sh
# Runs the unit tests in two halves that together run each test once.
#
#   race.sh        the packages that start goroutines, with the race detector
#   race.sh rest   all other packages, and the tests that are built only without the race detector
#
# The race detector needs a C compiler. CI requires one. Elsewhere its absence is said, and "rest" runs all packages.
set -eu
raced="./internal/mlflow/... ./internal/delivered ./internal/progress ./internal/finish ./internal/databricks/...
  ./internal/genai ./receiver/... ./processor/genaiprocessor ./processor/genaiprocessor/internal/encodings
  ./processor/genaiprocessor/internal/scores ./processor/genaiprocessor/internal/tally ./exporter/... ./extension/...
  ./connector/..."
nested=extension/mlflowverifyextension # a module of its own, all of it in the first half

compiler=
if command -v "${CC:-cc}" >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1; then compiler=yes; fi

if [ "${1:-}" != rest ]; then
  if [ -n "$compiler" ]; then
    # A package takes 100 s on two quiet processors, and 260 s on busy ones: the usual limit of 10 minutes is too near.
    # shellcheck disable=SC2086 # a list of patterns
    CGO_ENABLED=1 go test -race -timeout 30m $raced
    CGO_ENABLED=1 exec go test -C "$nested" -race -timeout 30m ./...
  elif [ -n "${CI:-}" ]; then
    echo "CI has no C compiler: the race detector needs one"
    exit 1
  fi
  echo "NOT RUN: the race detector needs a C compiler and none was found"
  exit 0
fi

if [ -z "$compiler" ]; then
  go test ./...
  exec go test -C "$nested" ./...
fi
lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
go list ./... | sort >"$lists/all"
# shellcheck disable=SC2086 # a list of patterns
go list $raced | sort >"$lists/raced"
comm -23 "$lists/all" "$lists/raced" | xargs go test

# Test files with the build constraint !race, in the packages of the first half.
git grep -lE '^//go:build .*!race' -- '*_test.go' | while IFS= read -r file; do
  package=./$(dirname "$file")
  tests=$(sed -nE 's/^func (Test[A-Za-z0-9_]*)\(.*/\1/p' "$file" | paste -sd '|' -)
  if [ -n "$tests" ] && go list "$package" | grep -qxFf "$lists/raced"; then
    go test -run "^($tests)\$" "$package"
  fi
done
