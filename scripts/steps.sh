#!/usr/bin/env bash
# Runs make targets one after the other and prints how long each took, also when one fails.
#
#   steps.sh check "test-rest e2e"
#
# Targets in one argument run side by side. Their output is held back until each has ended.
set -uo pipefail
cd "$(dirname "$0")/.."
held=$(mktemp -d)
trap 'rm -rf "$held"' EXIT
export TIMEFORMAT='%R %U %S'

# step runs one target and notes its seconds: wall clock, user, system.
step() {
  { time make "$1" 2>&3; } 3>&2 2>"$held/$1.time"
}

summary() {
  printf '\n%-14s %9s %9s\n' step seconds "CPU"
  for target in "${started[@]}"; do
    [ -s "$held/$target.time" ] || continue
    awk -v step="$target" '{ printf "%-14s %9.0f %9.0f\n", step, $1, $2 + $3 }' "$held/$target.time"
  done
  printf '%-14s %9d\n' total "$SECONDS"
}

started=()
status=0
for group in "$@"; do
  # shellcheck disable=SC2206 # a list of targets
  targets=($group)
  started+=("${targets[@]}")
  if [ "${#targets[@]}" -eq 1 ]; then
    step "$group" || status=$?
  else
    running=()
    for target in "${targets[@]}"; do
      step "$target" >"$held/$target.out" 2>&1 &
      running+=("$!")
    done
    for i in "${!running[@]}"; do
      wait "${running[i]}" || status=$?
      cat "$held/${targets[i]}.out"
    done
  fi
  [ "$status" -eq 0 ] || break
done
summary
exit "$status"
