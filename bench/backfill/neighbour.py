"""Measures what the receiver costs the users of the server that it reads; neighbour.sh calls it.

    PYTHON neighbour.py STORE_DIR SECONDS ROUNDS

A foreground client of MLflow logs a trace and searches traces, in turn, with a pause between, against a server with one worker over a copy of the store: SECONDS alone,
then as long while each of the contestants reads the same server, and that ROUNDS times in turn. Prints latencies, by how much each contestant makes p95 grow
compared with the same round's time alone (median of the rounds), and the errors that the client saw; fails if there was one.
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
    mlflow = lab.client(url)
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


CONTESTANTS = {
    "backfill, 0.5": ["max_source_utilization=0.5"],
    "backfill, 1": ["max_source_utilization=1"],
    "tail, 0.5": ["mode=tail", "on_complete=stay", "collection_interval=5s", "max_source_utilization=0.5"],
}


def main():
    store, seconds, rounds = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    import logging

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    found, rates, failed = collections.defaultdict(list), collections.defaultdict(list), []
    with tempfile.TemporaryDirectory(prefix="bench-neighbour-") as copy:
        shutil.copy(os.path.join(store, "mlflow.db"), copy)
        with lab.server(copy) as url:
            operations = foreground(url)
            watch(operations, 5)  # warms up
            for n in range(rounds):
                print(f"round {n + 1} of {rounds}", file=sys.stderr)
                latencies, errors = watch(operations, seconds)
                found["alone"].append(latencies)
                failed += errors
                for name, settings in CONTESTANTS.items():
                    run = lab.Backfill(url, settings=settings)
                    time.sleep(1)
                    latencies, errors = watch(operations, seconds, lambda: run.process.poll() is None)
                    going, rate = run.stop()
                    if not going:
                        print(f"{name} ended early; a larger N lasts longer")
                    found[name].append(latencies)
                    rates[name].append(rate)
                    failed += errors
    kinds = [*operations, "both"]
    print(f"{'p95 in ms, median':20}" + "".join(f" {kind:>8} {'grown':>7}" for kind in kinds) + "   traces/s")
    for name, runs in found.items():
        line = f"{name:20}"
        for kind in kinds:
            grown = statistics.median(
                lab.p95(run[kind]) / lab.p95(alone[kind]) for run, alone in zip(runs, found["alone"]))  # fmt: skip
            line += f" {statistics.median(lab.p95(run[kind]) for run in runs):8.0f} {grown:6.2f}x"
        print(line + (f" {statistics.median(rates[name]):10.0f}" if name in rates else ""))
    count = sum(len(run["both"]) for runs in found.values() for run in runs)
    print(f"operations: {count}; errors: {len(failed)}; load {os.getloadavg()[0]:.1f}")
    if failed:
        sys.exit("\n".join(sorted(set(failed))))


if __name__ == "__main__":
    main()
