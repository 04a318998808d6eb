#!/bin/sh
# Fails when something waits and nothing was delivered since the probe before: messages that lag, or requests that the
# backend has not answered. The first probe, and one with the argument start, ask only whether the process answers.
# The number of failures in a row that restarts a container is in refine.yaml.
set -eu
last=${PROGRESS_FILE:-/tmp/progress}
page=$(wget -q -T 5 -O - "http://127.0.0.1:${OTELCOL_MLFLOW_METRICS_PORT:-8888}/metrics")
[ "${1:-}" != start ] || exit 0
set -- $(printf '%s\n' "$page" | awk '
  /^otelcol_exporter_sent_spans/ { sent += $NF }
  /^otelcol_kafka_receiver_offset_lag/ { waits += $NF }
  /^otelcol_exporter_queue_size/ { waits += $NF }
  END { printf "%.0f %.0f\n", sent, waits }')
before=$(cat "$last" 2>/dev/null || true)
echo "$1" > "$last"
if [ "$2" -gt 0 ] && [ "$before" = "$1" ]; then
  echo "$2 wait, and nothing was delivered since the probe before" >&2
  exit 1
fi
