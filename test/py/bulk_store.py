"""Makes a large SQLite store of the MLflow 3.17.2 schema quickly, for benchmarks and load tests.

    PYTHON bulk_store.py N DIR        with the 3.17.2 environment; makes DIR/mlflow.db, N traces in under a minute for N = 20000

This is not what a server wrote trace by trace: MLflow itself makes the schema and 48 template traces (its client writes them through its own
store code), and SQL then clones their rows with fresh trace, span and assessment ids, start times and texts, until there are N. Sizes and
proportions are those of a store that was measured: about 4 spans per trace, 2.3 kB of JSON per span, and 4 tag, 11 metadata and 1.5
assessment rows per trace. One in 24 traces failed. Of 25 traces 24 are in the experiment `bulk`, one in `bulk-small`.
Trace i starts 30 days * i / N after 2026-01-01T00:00:00Z (in experiment `bulk` sorted by start as by id of insertion). The same N gives the same traces; only the
templates' identity of runs and machine differ.

Prints {"path", "traces", "spans", "bytes", "experiments": {name: {"id", "traces"}}}.
"""

import base64
import hashlib
import json
import os
import random
import sqlite3
import sys

os.environ.update(MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false", MLFLOW_DISABLE_TELEMETRY="true", LOGNAME="bulk")
sys.argv[0] = "bulk.py"

MS = 1_000_000
BEGIN = 1_767_225_600_000 * MS  # 2026-01-01T00:00:00Z
SPAN = 30 * 86_400_000 * MS
MARK = "case 00000000"  # in every text of a template; becomes the number of the trace, so that no two traces share their texts
WORDS = (
    "harbour tide paddle seam valve order parcel refund invoice stove kettle tent weather route island current shelter ticket customer answer question article "
    "warranty return stock courier delay payment voucher colour length width repair photo number address today tomorrow because between without should already"
).split()
PER_TRACE = ("trace_tags", "trace_request_metadata", "assessments", "spans")


def prose(rnd, size):
    words = [MARK]
    while sum(map(len, words)) + len(words) < size * 0.87:
        words.append(rnd.choice(WORDS) + rnd.choice(["", "", "", "", "", "", ",", ".", ". Zürich", " – 12 €"]))
    return " ".join(words)


def make_templates(path):
    """48 traces of three to five spans in the experiment `bulk`, and an empty one, `bulk-small`."""
    import mlflow
    from mlflow.entities import AssessmentSource, Feedback

    mlflow.set_tracking_uri("sqlite:///" + path)
    bulk = mlflow.create_experiment("bulk", artifact_location="mlflow-artifacts:/1")
    small = mlflow.create_experiment("bulk-small", artifact_location="mlflow-artifacts:/2")
    rnd = random.Random(1)
    for n in range(48):
        start = BEGIN + n * 7919 * MS + 123_457
        metadata = {"mlflow.trace.session": f"session {n % 12}", "mlflow.trace.user": f"user-{n % 30}"}
        root = mlflow.start_span_no_context(
            "agent", span_type="AGENT", inputs={"question": prose(rnd, 500)}, experiment_id=bulk, start_time_ns=start, metadata=metadata, tags={"channel": "web"}
        )  # fmt: skip
        clock = start
        for name, kind in [("retrieve", "RETRIEVER"), ("chat", "CHAT_MODEL"), ("lookup", "TOOL"), ("answer", "CHAT_MODEL")][: 2 + n % 3]:
            clock += 1_500_000
            attributes, inputs, outputs = {}, {"query": prose(rnd, 300)}, prose(rnd, 1100)
            if kind == "RETRIEVER":
                outputs = [{"page_content": prose(rnd, 650), "metadata": {"doc_uri": f"https://help.example.com/{k}", "score": 0.5 + k / 10}, "id": str(k)} for k in range(3)]
            if kind == "CHAT_MODEL":
                usage = {"input_tokens": 300 + n, "output_tokens": 80, "total_tokens": 380 + n}
                attributes = {"mlflow.chat.tokenUsage": usage, "mlflow.llm.model": "gpt-4o-mini", "mlflow.llm.provider": "openai", "temperature": 0.2}
                inputs = {"model": "gpt-4o-mini", "messages": [{"role": "system", "content": prose(rnd, 500)}, {"role": "user", "content": prose(rnd, 700)}]}
                outputs = {"choices": [{"index": 0, "message": {"role": "assistant", "content": prose(rnd, 600)}, "finish_reason": "stop"}], "usage": usage}
            span = mlflow.start_span_no_context(name, parent_span=root, span_type=kind, inputs=inputs, attributes=attributes, start_time_ns=clock)
            clock += 40 * MS
            failed = n % 24 == 11 and kind == "TOOL"
            span.end(outputs=None if failed else outputs, status="ERROR" if failed else "OK", end_time_ns=clock)
        root.end(outputs={"answer": prose(rnd, 900)}, status="ERROR" if n % 24 == 11 else "OK", end_time_ns=clock + MS)
        for k in range(1 + n % 2):
            source = AssessmentSource("LLM_JUDGE", "openai:/gpt-4o-mini") if k else AssessmentSource("HUMAN", "agent-1@example.com")
            score = Feedback(name=("helpful", "relevance")[k], value=(True, 0.75)[k], source=source, rationale=prose(rnd, 120), create_time_ms=start // MS, last_update_time_ms=start // MS)
            mlflow.log_assessment(root.trace_id, score)
    return int(bulk), int(small)


def fresh(kind, number, size):
    return hashlib.sha256(f"{kind} {number}".encode()).digest()[:size]


class Template:
    """The rows of one trace; clone() gives them with everything replaced that tells one trace from another."""

    def __init__(self, db, info):
        self.id, self.start = info["request_id"], info["timestamp_ms"] * MS
        self.info = info
        key = {"trace_tags": "request_id", "trace_request_metadata": "request_id"}
        self.rows = {t: [dict(r) for r in db.execute(f"SELECT {', '.join(columns(db, t))} FROM {t} WHERE {key.get(t, 'trace_id')} = ?", (self.id,))] for t in PER_TRACE}

    def clone(self, number, start_ms, experiment):
        trace_id = fresh("trace", number, 16)
        new_id, shift = "tr-" + trace_id.hex(), (start_ms * MS) - self.start
        words = [(self.id, new_id), (MARK, f"case {number:08d}"), (base64.b64encode(bytes.fromhex(self.id[3:])).decode(), base64.b64encode(trace_id).decode())]
        ids = {}
        for k, span in enumerate(self.rows["spans"]):
            made = fresh("span", number * 16 + k, 8)
            ids[span["span_id"]] = made.hex()
            words.append((base64.b64encode(bytes.fromhex(span["span_id"])).decode(), base64.b64encode(made).decode()))

        def text(value, extra=()):
            for old, new in (*words, *extra):
                value = value.replace(old, new)
            return value

        yield "trace_info", {**self.info, "request_id": new_id, "experiment_id": experiment, "timestamp_ms": start_ms, "request_preview": text(self.info["request_preview"]), "response_preview": text(self.info["response_preview"])}  # fmt: skip
        for table in ("trace_tags", "trace_request_metadata"):
            for row in self.rows[table]:
                yield table, {**row, "request_id": new_id, "value": text(row["value"])}
        for row in self.rows["spans"]:
            begin, end = row["start_time_unix_nano"], row["end_time_unix_nano"]
            times = [(str(begin), str(begin + shift)), (str(end), str(end + shift))]
            yield "spans", {**row, "trace_id": new_id, "experiment_id": experiment, "span_id": ids[row["span_id"]], "parent_span_id": ids.get(row["parent_span_id"]), "start_time_unix_nano": begin + shift, "end_time_unix_nano": end + shift, "content": text(row["content"], times)}  # fmt: skip
        for k, row in enumerate(self.rows["assessments"]):
            later = start_ms + 60_000
            yield "assessments", {**row, "assessment_id": "a-" + fresh("assessment", number * 16 + k, 16).hex(), "trace_id": new_id, "experiment_id": experiment, "trace_timestamp_ms": start_ms, "created_timestamp": later, "last_updated_timestamp": later, "rationale": text(row["rationale"])}  # fmt: skip


def columns(db, table):
    return [c[1] for c in db.execute(f"PRAGMA table_info({table})")]  # leaves generated columns out


def main():
    count, directory = int(sys.argv[1]), os.path.abspath(sys.argv[2])
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "mlflow.db")
    if os.path.exists(path):
        sys.exit(f"{path} exists already")
    os.chdir(directory)
    out, sys.stdout = sys.stdout, sys.stderr
    bulk, small = make_templates(path)
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000"):
        db.execute("PRAGMA " + pragma)
    templates = [Template(db, dict(r)) for r in db.execute("SELECT * FROM trace_info ORDER BY timestamp_ms")]
    for table in ("trace_info", *PER_TRACE):
        db.execute(f"DELETE FROM {table}")
    indexes = db.execute(f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {('trace_info', *PER_TRACE)}").fetchall()
    for name, _ in indexes:
        db.execute(f"DROP INDEX {name}")
    insert = {}
    for table in ("trace_info", *PER_TRACE):
        names = columns(db, table)
        insert[table] = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + n for n in names)})"
    in_small = 0
    for i in range(count):
        experiment = small if i % 25 == 24 else bulk
        in_small += experiment == small
        for table, row in templates[i * 31 % len(templates)].clone(i, (BEGIN + SPAN * i // count) // MS, experiment):
            db.execute(insert[table], row)
    for _, sql in indexes:
        db.execute(sql)
    db.commit()
    db.execute("PRAGMA journal_mode = DELETE")
    spans, size = db.execute("SELECT count(*), sum(length(content)) FROM spans").fetchone()
    db.close()
    experiments = {"bulk": {"id": str(bulk), "traces": count - in_small}, "bulk-small": {"id": str(small), "traces": in_small}}
    print(json.dumps({"path": path, "traces": count, "spans": spans, "bytes": size, "experiments": experiments}), file=out)
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
