"""Compares what a destination received with what MLflow's client returns.

    PYTHON week.py TRUTH.jsonl TRACES.jsonl LOGS.jsonl DELETED

TRUTH has the format of expected.py; TRACES and LOGS hold one OTLP request on a line, in the order of arrival. DELETED
is a JSON list of the ids of deleted traces. Compared are all traces, their spans, their current assessments (score,
label, validity, override) and the tags that begin with "week.". Prints how much was compared; ends with status 1 and a list of differences on
standard error if anything differs.
"""

import json
import sys

TAG = "mlflow.traceTag."


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def plain(value):
    """The value of an OTLP attribute."""
    (kind, v), *_ = value.items()
    if kind == "intValue":
        return int(v)
    if kind == "arrayValue":
        return [plain(x) for x in v.get("values", [])]
    return v


def attributes(record):
    return {a["key"]: plain(a["value"]) for a in record.get("attributes", [])}


def tags(attrs):
    return {k[len(TAG) :]: v for k, v in attrs.items() if k.startswith(TAG + "week.")}


def expected_score(a):
    """Score and label that the conventions have for the value of a feedback."""
    v = a["value"]
    if isinstance(v, bool):
        return float(v), str(v).lower()
    if isinstance(v, (int, float)):
        return float(v), None
    return {"yes": 1.0, "no": 0.0}.get(v), v


class Arrived:
    """What arrived of one trace."""

    def __init__(self):
        self.spans = set()
        self.tags = {}
        self.edited = -1  # when the newest edit was found
        self.present = None  # ids of assessments in that edit
        self.scores = {}  # id -> (time, found, attributes)

    def current(self):
        return {
            i: attrs
            for i, (_, found, attrs) in self.scores.items()
            if self.present is None or found > self.edited or i in self.present
        }


def read(traces, logs):
    arrived = {}
    for request in lines(traces):
        for resource in request["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    trace = arrived.setdefault(span["traceId"], Arrived())
                    trace.spans.add(span["spanId"])
                    if not span.get("parentSpanId"):
                        trace.tags = tags(attributes(span))
    for request in lines(logs):
        for resource in request["resourceLogs"]:
            for scope in resource["scopeLogs"]:
                for record in scope["logRecords"]:
                    trace = arrived.setdefault(record["traceId"], Arrived())
                    attrs, found = attributes(record), int(record["observedTimeUnixNano"])
                    if record["eventName"] == "mlflow.trace.updated":
                        if found >= trace.edited:
                            trace.edited, trace.tags = found, tags(attrs)
                            trace.present = set(attrs.get("mlflow.trace.assessments", []))
                        continue
                    key = attrs["mlflow.assessment.id"]
                    if key not in trace.scores or (int(record["timeUnixNano"]), found) >= trace.scores[key][:2]:
                        trace.scores[key] = (int(record["timeUnixNano"]), found, attrs)
    return arrived


def main():
    truth, traces, logs, deleted = sys.argv[1:]
    arrived = read(traces, logs)
    differences, spans, scores, tagged = [], 0, 0, 0
    known = {"tr-" + k for k in arrived}
    for t in lines(truth):
        if t["error"]:
            sys.exit("MLflow's client can't read %s: %s" % (t["trace_id"], t["error"]))
        got = arrived.get(t["trace_id"][3:])
        known.discard(t["trace_id"])
        if got is None:
            differences.append("%s did not arrive" % t["trace_id"])
            continue
        want = {s["span_id"] for s in t["spans"]}
        spans += len(want)
        if want != got.spans:
            differences.append("%s: spans %s, arrived %s" % (t["trace_id"], sorted(want), sorted(got.spans)))
        want = {k: v for k, v in t["info"]["tags"].items() if k.startswith("week.")}
        tagged += len(want)
        if want != got.tags:
            differences.append("%s: tags %s, arrived %s" % (t["trace_id"], want, got.tags))
        current = got.current()
        for a in t["assessments"]:
            scores += 1
            attrs = current.pop(a["id"], None)
            if attrs is None:
                differences.append("%s: assessment %s did not arrive" % (t["trace_id"], a["id"]))
                continue
            want = (a["name"], *expected_score(a), a["valid"] is not False, a["overrides"] or None)
            have = (
                attrs.get("gen_ai.evaluation.name"),
                attrs.get("gen_ai.evaluation.score.value"),
                attrs.get("gen_ai.evaluation.score.label"),
                attrs.get("mlflow.assessment.valid", True),
                attrs.get("mlflow.assessment.overrides"),
            )
            if want != have:
                differences.append("%s: assessment %s is %s, arrived %s" % (t["trace_id"], a["id"], want, have))
        differences += ["%s: assessment %s was deleted" % (t["trace_id"], i) for i in current]
    differences += ["%s is not at the source" % k for k in sorted(known - set(json.loads(deleted)))]
    if differences:
        sys.exit("%d differences\n" % len(differences) + "\n".join(differences[:50]))
    print("%d traces, %d spans, %d assessments and %d tags agree" % (len(lines(truth)), spans, scores, tagged))


main()
