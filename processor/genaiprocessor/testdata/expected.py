"""Writes expected.jsonl.gz: what the genai processor must write on the stores of testdata, computed in Python.

    P=$(test/py/env.sh 3.17.2); $P processor/genaiprocessor/testdata/expected.py

For every trace of testdata/sample and testdata/stores, as MLflow's own client returned it (test/py/expected.py), one line: store, OpenTelemetry
trace id and, for every span that a count or score belongs on, the attributes (test/py/refine.py says how they are computed). Traces with values that JSON doesn't
have (bytes and other objects of Python) are left out, and those whose artifacts need the store to be in its folder.
"""

import gzip
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.join(HERE, "..", "..", "..", "testdata")
STORES = ["sample"] + ["stores/" + v for v in ("2.14.3", "2.22.5", "3.1.4", "3.4.0", "3.6.0", "3.17.2", "upgraded")]
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "test", "py"))

from refine import refined  # noqa: E402


def plain(value):
    """Takes the tags of test/py/expected.py off."""
    if isinstance(value, dict):
        if value.keys() == {"$float"}:
            return float(value["$float"].replace("Infinity", "inf"))
        if value.keys() & {"$bytes", "$other"}:
            raise ValueError("not JSON")
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else value


def traces(store):
    path = os.path.join(TESTDATA, store, "expected.jsonl")
    with open(path, encoding="utf-8") if os.path.exists(path) else gzip.open(path + ".gz", "rt", encoding="utf-8") as f:
        for line in f:
            try:
                trace = plain(json.loads(line))
            except ValueError:
                continue
            if trace["spans"] and "/STORE_DIR/" not in trace["info"]["tags"].get("mlflow.artifactLocation", ""):
                yield trace


def main():
    lines = [
        json.dumps({"store": store, "trace_id": t["spans"][0]["trace_id"], "spans": refined(t["spans"], t["assessments"])}, sort_keys=True) + "\n"
        for store in STORES for t in traces(store)
    ]
    with open(os.path.join(HERE, "expected.jsonl.gz"), "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", filename="", mtime=0) as z:
        z.write("".join(lines).encode())


if __name__ == "__main__":
    main()
