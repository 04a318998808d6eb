"""Makes a store of N traces of one span and 1 kB from the first trace of a store of test/py/bulk_store.py.

    python3 grow.py STORE_DIR N DIR    makes DIR/mlflow.db; 100,000 traces take a quarter of a minute and 0.4 GB

Each trace has ids, a start and a text of its own, 3 tag rows and 7 metadata rows or fewer. Prints {"path", "traces", "bytes"}.
"""

import base64
import hashlib
import json
import os
import sqlite3
import sys

SIZE = 1000  # bytes of the content of a span
BEGIN = 1_767_225_600_000  # 2026-01-01T00:00:00Z, Unix milliseconds
PERIOD = 30 * 86_400_000
KEPT = ("mlflow.trace_schema.version", "mlflow.trace.sizeBytes", "mlflow.trace.sizeStats", "mlflow.trace.user")  # of the metadata
TABLES = ("trace_info", "trace_tags", "trace_request_metadata", "assessments", "spans")


def columns(db, table):
    return [c[1] for c in db.execute(f"PRAGMA table_info({table})")]  # leaves generated columns out


def rows(db, table, key, trace, more=""):
    found = db.execute(f"SELECT {', '.join(columns(db, table))} FROM {table} WHERE {key} = ? {more}", (trace,))
    return [dict(r) for r in found]


def fresh(kind, number, size):
    return hashlib.sha256(f"{kind} {number}".encode()).digest()[:size]


def text(document, trace, span, start, end):
    """The content of a span, filled up to SIZE bytes."""
    document.update(trace_id=base64.b64encode(trace).decode(), span_id=base64.b64encode(span).decode(), start_time_unix_nano=start, end_time_unix_nano=end)
    attributes = {k: v for k, v in document["attributes"].items() if k in ("mlflow.spanType", "mlflow.spanLogLevel")}
    attributes["mlflow.traceRequestId"] = json.dumps("tr-" + trace.hex())
    words = f"case {trace.hex()} "
    document["attributes"] = attributes
    attributes["mlflow.spanInputs"] = json.dumps({"question": ""})
    room = SIZE - len(json.dumps(document))
    attributes["mlflow.spanInputs"] = json.dumps({"question": (words * (room // len(words) + 1))[:room]})
    return json.dumps(document)


def traces(template, count):
    """The rows of all traces, table by table name."""
    info, tags, metadata, span = template
    document = json.loads(span["content"])
    for i in range(count):
        trace, made = fresh("trace", i, 16), fresh("span", i, 8)
        name, start = "tr-" + trace.hex(), BEGIN + PERIOD * i // count
        yield "trace_info", {**info, "request_id": name, "timestamp_ms": start, "execution_time_ms": 1}
        for row in tags:
            yield "trace_tags", {**row, "request_id": name}
        for row in metadata:
            yield "trace_request_metadata", {**row, "request_id": name}
        content = text(document, trace, made, start * 1_000_000, (start + 1) * 1_000_000)
        yield "spans", {**span, "trace_id": name, "span_id": made.hex(), "start_time_unix_nano": start * 1_000_000, "end_time_unix_nano": (start + 1) * 1_000_000, "content": content}  # fmt: skip


def main():
    source, count, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "mlflow.db")
    db = sqlite3.connect(os.path.join(source, "mlflow.db"))
    db.execute("VACUUM INTO ?", (path,))
    db.close()
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000"):
        db.execute("PRAGMA " + pragma)
    first = db.execute("SELECT * FROM trace_info ORDER BY timestamp_ms LIMIT 1").fetchone()["request_id"]
    metadata = [r for r in rows(db, "trace_request_metadata", "request_id", first) if r["key"] in KEPT]
    for row in metadata:
        row["value"] = {"mlflow.trace.sizeBytes": str(SIZE), "mlflow.trace.sizeStats": '{"num_spans": 1}'}.get(row["key"], row["value"])
    template = (rows(db, "trace_info", "request_id", first)[0], rows(db, "trace_tags", "request_id", first), metadata,
                rows(db, "spans", "trace_id", first, "AND parent_span_id IS NULL")[0])  # fmt: skip
    indexes = db.execute(f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {TABLES}").fetchall()
    for table in TABLES:
        db.execute(f"DELETE FROM {table}")
    for name, _ in indexes:
        db.execute(f"DROP INDEX {name}")
    insert = {t: f"INSERT INTO {t} ({', '.join(columns(db, t))}) VALUES ({', '.join(':' + c for c in columns(db, t))})" for t in TABLES}
    for table, row in traces(template, count):
        db.execute(insert[table], row)
    for _, sql in indexes:
        db.execute(sql)
    db.commit()
    print(json.dumps({"path": path, "traces": count, "bytes": os.path.getsize(path)}))


if __name__ == "__main__":
    main()
