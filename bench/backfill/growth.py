"""Measures whether the time for a trace stays the same in larger stores; growth.sh calls it.

    PYTHON growth.py BIN_DIR ROUNDS STORE_DIR...

Each of the stores is read from SQLite and from PostgreSQL, with one connection, in turn. Prints microseconds per trace: of the clock and of the processor, the least of the
rounds, and the peak of memory.
"""

import contextlib
import os
import sys

import lab


def main():
    bin_dir, rounds, stores = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    found, said = {}, ""
    files = [os.path.join(store, "mlflow.db") for store in stores]
    with contextlib.ExitStack() as stack:
        sources = [("SQLite", "sqlite:///" + file) for file in files]
        for file in files:
            served = stack.enter_context(lab.database(bin_dir, "postgresql", file))
            if "missing" in served:
                said = f"PostgreSQL: NOT RUN: {served['missing']}"
                break
            sources.append(("PostgreSQL", served["uri"]))
        for _ in range(rounds):
            for kind, uri in sources:
                run = lab.Backfill(uri, settings=["concurrency=1"]).wait()
                found.setdefault((kind, run["traces"]), []).append(run)
                print(f"  {kind:11} {run['traces']:8} traces in {run['seconds']:.1f} s", file=sys.stderr, flush=True)
    print(f"load {os.getloadavg()[0]:.1f}\n{'':11} {'traces':>8} {'us':>6} {'us CPU':>7} {'peak MB':>8}")
    for (kind, traces), runs in found.items():
        clock, cpu = (min(1e6 * run[key] / traces for run in runs) for key in ("seconds", "cpu"))
        print(f"{kind:11} {traces:8} {clock:6.0f} {cpu:7.0f} {max(run['rss_mb'] for run in runs):8.0f}")
    if said:
        print(said)


if __name__ == "__main__":
    main()
