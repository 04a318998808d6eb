"""Archives finished traces of a store, with the function that the server's own scheduler calls.

    PYTHON archive.py BACKEND_STORE_URI CONFIG EXPERIMENT...

CONFIG is the file of `mlflow server --trace-archival-config`. The experiments, by name, are marked with
mlflow.trace.archiveNow, so that their traces are archived whatever their age. Prints how many were.
"""

import json
import os
import sys


def main():
    uri, config, *names = sys.argv[1:]
    os.environ.update(
        MLFLOW_BACKEND_STORE_URI=uri,
        MLFLOW_TRACE_ARCHIVAL_CONFIG=config,
        MLFLOW_DISABLE_TELEMETRY="true",
        MLFLOW_TRACKING_URI=uri,
    )
    import mlflow
    from mlflow.tracing.trace_archival_service import run_trace_archival_scheduler

    client = mlflow.MlflowClient()
    for name in names:
        experiment = client.get_experiment_by_name(name)
        client.set_experiment_tag(experiment.experiment_id, "mlflow.trace.archiveNow", json.dumps({}))
    print(run_trace_archival_scheduler())


if __name__ == "__main__":
    main()
