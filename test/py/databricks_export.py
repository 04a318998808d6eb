"""Reads traces from an MLflow server and sends their spans to Databricks with MLflow's own exporter code, one request per trace.

    DATABRICKS_HOST=http://127.0.0.1:PORT DATABRICKS_TOKEN=… PYTHON databricks_export.py SERVER TABLE TRACE_ID…

Prints the number of requests.
"""

import os
import sys

server, table, *ids = sys.argv[1:]
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="2")
os.chdir("/")

from mlflow import MlflowClient  # noqa: E402
from mlflow.store.tracking.databricks_rest_store import DatabricksTracingRestStore  # noqa: E402
from mlflow.utils.databricks_utils import get_databricks_host_creds  # noqa: E402

client = MlflowClient(tracking_uri=server)
store = DatabricksTracingRestStore(lambda: get_databricks_host_creds("databricks"))
for trace_id in ids:
    store.log_spans(table, client.get_trace(trace_id).data.spans, tracking_uri="databricks")
print(len(ids))
