"""Compares the sums of a report with what a store of MLflow holds, computed without any code of this project.

    python3 aggregates.py STORE.db REPORT.json [EXPERIMENT …]        Python's own library only

Prints {"compared": number, "differences": [...]}. Counts must be equal. Quantiles must lie within 1 % of a value of the
data at that rank. The store is read as it is: tables trace_info, spans and assessments of schema 3.17.
"""

import collections
import datetime
import json
import sqlite3
import sys

UTC = datetime.timezone.utc
CALLS = {"LLM", "CHAT_MODEL", "EMBEDDING", "RERANKER"}


def load(path, names):
    """Traces with spans of the named experiments, without names of all that are not deleted."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    traces = {}
    query = ("SELECT request_id, experiment_id, timestamp_ms, execution_time_ms, status FROM trace_info "
             "WHERE experiment_id IN (SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'active' "
             "AND (? OR name IN (SELECT value FROM json_each(?))))")
    for row in db.execute(query, (not names, json.dumps(names))):
        traces[row[0]] = {"id": row[0], "experiment": str(row[1]), "start": row[2], "duration": row[3],
                          "failed": row[4] == "ERROR", "spans": [], "scores": {}}
    query = ("SELECT trace_id, span_id, parent_span_id, name, status, start_time_unix_nano, end_time_unix_nano, "
             "content FROM spans")
    for trace, span, parent, name, status, begin, end, content in db.execute(query):
        if trace not in traces:
            continue
        attributes = {k: decode(v) for k, v in json.loads(content).get("attributes", {}).items()}
        traces[trace]["spans"].append({
            "id": span, "parent": parent, "name": name, "failed": status == "ERROR", "duration": (end - begin) / 1e6,
            "type": attributes.get("mlflow.spanType") or "UNKNOWN", "usage": attributes.get("mlflow.chat.tokenUsage")})
    query = ("SELECT trace_id, name, value, source_type FROM assessments WHERE assessment_type = 'feedback' AND valid "
             "AND value IS NOT NULL ORDER BY last_updated_timestamp, created_timestamp")
    for trace, name, value, source in db.execute(query):
        number = score(json.loads(value))
        if number is not None and trace in traces:
            traces[trace]["scores"][name] = (source, number)
    return [t for t in traces.values() if t["spans"]]


def decode(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def score(value):
    """A number, or a word that MLflow shows as yes or no."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, (int, float)):
        return float(value)
    return {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}.get(str(value).lower())


def reported(trace):
    """The usage of calls of models: of spans that tell of one call the topmost."""
    by_id = {s["id"]: s for s in trace["spans"]}

    def tells(span):
        return span["type"] in CALLS and isinstance(span["usage"], dict)

    for span in trace["spans"]:
        above, hidden = by_id.get(span["parent"]), False
        while above is not None and not hidden:
            hidden, above = tells(above), by_id.get(above["parent"])
        if tells(span) and not hidden:
            yield span["usage"]


def main():
    with open(sys.argv[2], encoding="utf-8") as f:
        run = json.load(f)["receivers"][0]
    data, began = run["data"], run["started"][:19]
    now = datetime.datetime.fromisoformat(began).replace(tzinfo=UTC).timestamp() * 1000
    # MLflow's demo dates traces into the future; a backfill reads up to its own start.
    traces = [t for t in load(sys.argv[1], sys.argv[3:]) if t["start"] < now]
    compared, differences = 0, []

    def equal(what, want, got):
        nonlocal compared
        compared += 1
        if want != got:
            differences.append(f"{what}: {want} in the store, {got} in the report")

    def near(what, values, quantiles):
        values = sorted(values)
        equal(f"{what}: count", len(values), quantiles["count"])
        for key, q in (("p5", .05), ("p50", .5), ("p95", .95), ("p99", .99)):
            nonlocal compared
            compared += 1
            want, got = values[int(q * (len(values) - 1))], quantiles[key]
            if abs(want - got) > .0100001 * want:
                differences.append(f"{what}: {key} is {want} in the store, {got} in the report")

    spans = [s for t in traces for s in t["spans"]]
    equal("traces", len(traces), data["traces"])
    equal("failed traces", sum(t["failed"] for t in traces), data["failed"])
    equal("spans", len(spans), data["spans"])
    near("duration of traces", [t["duration"] for t in traces], data["duration"])
    equal("longest trace", max(t["duration"] for t in traces), data["duration"]["max"])

    width = data["bucket_seconds"]
    by_time = collections.defaultdict(list)
    for t in traces:
        origin = 4 * 86400 if width >= 7 * 86400 else 0
        by_time[(t["start"] // 1000 - origin) // width * width + origin].append(t)
    equal("buckets", len(by_time), len(data["time"]))
    for bucket in data["time"]:
        start = int(datetime.datetime.fromisoformat(bucket["start"].replace("Z", "+00:00")).timestamp())
        here = by_time.get(start, [])
        equal(f"traces from {bucket['start']}", len(here), bucket["traces"])
        equal(f"errors from {bucket['start']}", sum(t["failed"] for t in here), bucket["failed"])
        if here:
            near(f"duration from {bucket['start']}", [t["duration"] for t in here], bucket["duration"])
    week = [[0] * 24 for _ in range(7)]
    for t in traces:
        at = datetime.datetime.fromtimestamp(t["start"] / 1000, UTC)
        week[at.weekday()][at.hour] += 1
    equal("hours of the week", week, data["week"])

    types = {s["type"] for s in spans}
    equal("types of spans", sorted(types), sorted(t["type"] for t in data["span_types"]))
    for t in data["span_types"]:
        here = [s for s in spans if s["type"] == t["type"]]
        equal(f"spans of {t['type']}", (len(here), sum(s["failed"] for s in here)), (t["spans"], t["failed"]))
        near(f"duration of {t['type']}", [s["duration"] for s in here], t["duration"])
    names = collections.Counter((s["type"], s["name"]) for s in spans)
    errors = collections.Counter((s["type"], s["name"]) for s in spans if s["failed"])
    equal("names of spans", dict(names), {(n["type"], n["name"]): n["spans"] for n in data["span_names"]})
    equal("errors by name", dict(errors),
          {(n["type"], n["name"]): n["failed"] for n in data["span_names"] if n["failed"]})
    equal("experiments", dict(collections.Counter(t["experiment"] for t in traces)),
          {x["id"]: x["traces"] for x in data["experiments"]})
    slowest = sorted(traces, key=lambda t: (-t["duration"], t["id"]))[:10]
    equal("slowest traces", [t["id"] for t in slowest], [t["trace_id"] for t in data["slowest_traces"]])

    usage = [u for t in traces for u in reported(t)]
    models = data.get("models", [])
    for side in ("input", "output"):
        equal(f"{side} tokens", sum(u[f"{side}_tokens"] for u in usage), sum(m[side] for m in models))
    equal("calls that report", len(usage), sum(m["reported"] for m in models))

    scores = collections.defaultdict(list)
    for t in traces:
        for name, (source, value) in t["scores"].items():
            scores[f"metric_{name}", source].append(value)
    equal("scores", sorted((k, len(v)) for k, v in scores.items()),
          sorted(((s["name"], s["source"]), s["count"]) for s in data.get("scores", [])))
    for s in data.get("scores", []):
        values = scores.get((s["name"], s["source"]))
        if values:
            equal(f"mean of {s['name']}", round(sum(values) / len(values), 9), round(s["mean"], 9))
            equal(f"distribution of {s['name']}", len(values), sum(b["count"] for b in s["distribution"]))
    print(json.dumps({"compared": compared, "differences": differences}))


main()
