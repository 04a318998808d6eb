"""Reads traces from an MLflow server and sends their spans to Databricks with MLflow's own exporter code, one request per trace.

    DATABRICKS_HOST=http://127.0.0.1:PORT DATABRICKS_TOKEN=… PYTHON databricks_export.py SERVER TABLE TRACE_ID…

Prints the ids of the traces that were sent: MLflow can't read back integers beyond 64 bits, nor values nested deeper than its JSON reader goes.
"""

import os
import sys

server, table, *ids = sys.argv[1:]
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
os.chdir("/")

from mlflow import MlflowClient  # noqa: E402
from mlflow.store.tracking.databricks_rest_store import DatabricksTracingRestStore  # noqa: E402
from mlflow.utils.databricks_utils import get_databricks_host_creds  # noqa: E402

client = MlflowClient(tracking_uri=server)
store = DatabricksTracingRestStore(lambda: get_databricks_host_creds("databricks"))
for trace_id in ids:
    try:
        trace = client.get_trace(trace_id)
    except Exception:  # noqa: BLE001 - whatever it can't read, it can't send
        continue
    store.log_spans(table, trace.data.spans, tracking_uri="databricks")
    print(trace_id)
