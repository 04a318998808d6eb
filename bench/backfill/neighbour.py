"""Measures what a backfill costs the users of the server that it reads; neighbour.sh calls it.

    PYTHON neighbour.py STORE_DIR SECONDS

A foreground client of MLflow logs a trace and searches traces, in turn, with a pause between, against a server with one worker over a copy of the store: for SECONDS
alone, then for SECONDS while a backfill with default settings runs. Prints latencies of both, what grew how much, and the errors that the client saw; fails if there was one.
"""

import collections
import os
import shutil
import statistics
import sys
import tempfile
import time

import lab

PAUSE = 0.1  # seconds between two operations of the foreground client


def foreground(url):
    """The two operations of the foreground client, as MLflow's own client does them."""
    os.environ.update(MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false", MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    import mlflow

    mlflow.set_tracking_uri(url)
    mine = mlflow.set_experiment("neighbour").experiment_id
    other = mlflow.MlflowClient().get_experiment_by_name("bulk").experiment_id

    def log():
        with mlflow.start_span("agent", span_type="AGENT") as root:
            root.set_inputs({"question": "Where is my order?"})
            with mlflow.start_span("model", span_type="CHAT_MODEL") as child:
                child.set_outputs({"answer": "On its way. " * 40})
            root.set_outputs({"answer": "On its way."})

    def search():
        found = mlflow.MlflowClient().search_traces(locations=[mine, other], max_results=20)
        if len(found) == 0:
            raise RuntimeError("the search found nothing")

    return {"log": log, "search": search}


def watch(operations, seconds, going=lambda: True):
    """Runs the operations in turn for so long; latencies in ms by name, and the errors."""
    latencies, errors = collections.defaultdict(list), []
    end = time.monotonic() + seconds
    while time.monotonic() < end and going():
        for name, operation in operations.items():
            begin = time.perf_counter()
            try:
                operation()
            except Exception as e:  # noqa: BLE001  whatever it is, the client saw it
                errors.append(f"{name}: {e}")
            latencies[name].append(1000 * (time.perf_counter() - begin))
            time.sleep(PAUSE)
    latencies["both"] = [ms for list in latencies.values() for ms in list]
    return latencies, errors


def p95(values):
    return statistics.quantiles(values, n=100, method="inclusive")[94]


def main():
    store, seconds = sys.argv[1], float(sys.argv[2])
    import logging

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="bench-neighbour-") as copy:
        shutil.copy(os.path.join(store, "mlflow.db"), copy)
        with lab.server(copy) as url:
            operations = foreground(url)
            watch(operations, 5)  # warms up
            before, errors_before = watch(operations, seconds)
            backfill = lab.Backfill(url)
            begin = time.monotonic()
            time.sleep(1)
            during, errors = watch(operations, seconds, lambda: backfill.process.poll() is None)
            if backfill.process.poll() is not None:
                print(f"the backfill ended after {time.monotonic() - begin:.0f} s; a larger N lasts longer")
            backfill.process.terminate()
            backfill.process.wait()
    print(f"{'ms':8} {'p50 alone':>10} {'during':>8} {'p95 alone':>10} {'during':>8} {'grown':>7}   operations")
    for name in before:
        alone, now = before[name], during[name]
        print(f"{name:8} {statistics.median(alone):10.0f} {statistics.median(now):8.0f} {p95(alone):10.0f} {p95(now):8.0f} {p95(now) / p95(alone):6.2f}x   {len(alone)} + {len(now)}")
    print(f"errors: {len(errors_before)} alone, {len(errors)} during; load {os.getloadavg()[0]:.1f}")
    if errors:
        sys.exit("\n".join(sorted(set(errors))))


if __name__ == "__main__":
    main()
