"""Reads traces of a Unity Catalog location with MLflow's own client, as a user of the workspace does.

    DATABRICKS_HOST=http://127.0.0.1:PORT DATABRICKS_TOKEN=… MLFLOW_TRACING_SQL_WAREHOUSE_ID=… PYTHON databricks_read.py CATALOG.SCHEMA.PREFIX HEX…

Prints {"found": [ids that a search of the location found], "read": [traces in the form of expected.py, as far as spans go]}.
"""

import json
import os
import sys

location, *ids = sys.argv[1:]
os.environ.update(MLFLOW_TRACKING_URI="databricks", MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
os.chdir("/")

import mlflow  # noqa: E402

found = mlflow.search_traces(locations=[location], filter_string="trace.timestamp_ms >= 0", return_type="list", max_results=1000, include_spans=False)
read = []
for i in ids:
    trace = mlflow.get_trace(f"trace:/{location}/{i}")
    read.append({
        "trace_id": trace.info.trace_id,
        "spans": [
            {
                "trace_id": i,
                "span_id": s.span_id,
                "parent_id": s.parent_id,
                "name": s.name,
                "start_ns": s.start_time_ns,
                "end_ns": s.end_time_ns,
                "status": {"code": s.status.status_code.value, "message": s.status.description},
                "attributes": {"mlflow.spanInputs": s.inputs, "mlflow.spanOutputs": s.outputs, "mlflow.spanType": s.span_type},
            }
            for s in trace.data.spans
        ],
    })
print(json.dumps({"found": [t.info.trace_id for t in found], "read": read}))
