"""Fills a server with MLflow's own demo data (what `mlflow demo` shows), without a network.

    PYTHON demo.py URL        with the 3.17.2 environment

Calls the generators of the package `mlflow.demo` as `mlflow demo --tracking-uri URL --no-browser` does. Only its traces, its prompts and its
evaluation runs (which write traces and scores too) are made; the rest of the demo is about pages of the web interface. Times are spread over the
last seven days. Prints {"experiment": "MLflow Demo", "experiment_id": id, "traces": number}.
"""

import json
import os
import sys

os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false",
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
    LOGNAME="tester",
)
os.chdir("/")

import mlflow  # noqa: E402
from mlflow.demo import DEMO_EXPERIMENT_NAME, generate_all_demos  # noqa: E402


def main():
    url = sys.argv[1]
    out, sys.stdout = sys.stdout, sys.stderr
    mlflow.set_tracking_uri(url)
    generate_all_demos(features=["prompts", "traces", "evaluation"])
    experiment = mlflow.get_experiment_by_name(DEMO_EXPERIMENT_NAME)
    client = mlflow.MlflowClient(url)
    traces, token = 0, None
    while True:
        page = client.search_traces(locations=[experiment.experiment_id], include_spans=False, max_results=500, page_token=token)
        traces, token = traces + len(page), page.token
        if not token:
            break
    print(json.dumps({"experiment": experiment.name, "experiment_id": experiment.experiment_id, "traces": traces}), file=out)
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
