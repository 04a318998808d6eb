#!/bin/sh
# Backfills a source into out/<source>/ and says what to do next. Called by `make run`. RUN_SOURCE,
# RUN_EXPERIMENT and RUN_FRESH come from its command line; each may be empty: the sample store, all
# experiments, continue.
set -eu
source=${RUN_SOURCE:-} experiment=${RUN_EXPERIMENT:-} fresh=${RUN_FRESH:-}
umask 077

if [ -z "$source" ]; then
  name=sample
  if [ -n "${MLFLOW_TRACKING_URI:-}" ]; then
    echo "MLFLOW_TRACKING_URI is set in your shell and not used, so that no server is read by accident."
    echo "To read it, write it behind make run: make run MLFLOW_TRACKING_URI=… EXPERIMENT=…"
  fi
else
  name=$(printf '%s' "$source" | sed -E 's#^[a-z]+://+##; s#^[^/@]*@##; s#[?#].*$##; s#[^A-Za-z0-9.]+#_#g; s#^_+|_+$##g')
  export OTELCOL_MLFLOW_SOURCE="$source"
  if [ -z "$experiment" ]; then
    echo "Experiments of this source (choose one with EXPERIMENT=name or its id, or all with EXPERIMENT='*'):"
    export OTELCOL_MLFLOW_MODE=check OTELCOL_MLFLOW_OUT="out/$name/check"
    exec dist/otelcol-mlflow --config config/quickstart.yaml
  fi
fi
[ -z "$experiment" ] || export OTELCOL_MLFLOW_EXPERIMENT="$experiment"
export OTELCOL_MLFLOW_OUT="out/$name"
if [ -n "$fresh" ] && [ "$fresh" != 0 ]; then
  rm -rf "out/$name"
fi
mkdir -p "out/$name"
: >>"out/$name/traces.jsonl" # mlflow_report makes it private where it is new
chmod 600 "out/$name/traces.jsonl"

status=0
dist/otelcol-mlflow --config config/quickstart.yaml || status=$?
if [ "$status" = 0 ]; then
  echo "  look      head -c 2000 out/$name/traces.jsonl"
  echo "  again     make run continues after what is in out/$name; FRESH=1 starts over"
fi
exit "$status"
