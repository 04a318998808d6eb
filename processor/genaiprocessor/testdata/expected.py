"""Writes expected.jsonl.gz: what the genai processor must write on the stores of testdata, computed in Python.

    python expected.py          needs tiktoken 0.14.0 and its vocabularies (bench/tokens/run.sh installs both)

For every trace of testdata/sample and testdata/stores, as MLflow's own client returned it (test/py/expected.py), one line: store, OpenTelemetry
trace id and, for every span that a count or score belongs on, the attributes. Counts are len(encoding.encode(text,
disallowed_special=())) of the inputs and outputs of the topmost spans: a string itself, anything else json.dumps(value,
ensure_ascii=False). The encoding is that of the only model that the spans of type LLM and CHAT_MODEL use, by tiktoken's table,
else cl100k_base. Scores are the latest valid feedback of each name, on the span that it is about. Traces with values that JSON doesn't
have (bytes and other objects of Python) are left out, and those whose artifacts need the store to be in its folder.
"""

import gzip
import json
import math
import os
import re
import unicodedata

import tiktoken

HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.join(HERE, "..", "..", "..", "testdata")
STORES = ["sample"] + ["stores/" + v for v in ("2.14.3", "2.22.5", "3.1.4", "3.4.0", "3.6.0", "3.17.2", "upgraded")]
WORDS = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "pass": 1.0, "fail": 0.0, "passed": 1.0, "failed": 0.0}


def encoding_of(spans):
    calls = [s["attributes"] for s in spans if s["attributes"].get("mlflow.spanType") in ("LLM", "CHAT_MODEL")]
    models = {model_of(a) for a in calls} - {None}
    if len(models) == 1:
        try:
            return tiktoken.encoding_for_model(models.pop()), False
        except KeyError:
            pass
    return tiktoken.get_encoding("cl100k_base"), True


def model_of(attributes):
    if attributes.get("gen_ai.request.model"):
        return attributes["gen_ai.request.model"]
    inputs = attributes.get("mlflow.spanInputs")
    if isinstance(inputs, dict) and isinstance(inputs.get("model"), str):
        return inputs["model"]
    return attributes.get("mlflow.llm.model") or attributes.get("model")


def count(encoding, value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(encoding.encode(text, disallowed_special=()))


def number(value):
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        text = value.strip().lower()
        if text in WORDS:
            return WORDS[text]
        if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", text) and math.isfinite(float(text)):
            return float(text)
    return None


def column(name):
    return "metric_" + re.sub(r"[^a-z0-9_]+", "_", unicodedata.normalize("NFC", name).lower()).strip("_")


def expected(trace):
    spans = trace["spans"]
    ids = {s["span_id"] for s in spans}
    tops = [s for s in spans if s["parent_id"] is None or s["parent_id"] not in ids]
    found = {}
    for top in tops:
        below, grew = {top["span_id"]}, True
        while grew:
            more = {s["span_id"] for s in spans if s["parent_id"] in below} - below
            below |= more
            grew = bool(more)
        encoding, approximate = encoding_of([s for s in spans if s["span_id"] in below])
        attributes = {}
        for key, name in (("mlflow.spanInputs", "token_count_request"), ("mlflow.spanOutputs", "token_count_response")):
            if top["attributes"].get(key) is not None:
                attributes[name] = count(encoding, top["attributes"][key])
        if attributes:
            attributes["token_count_encoding"] = encoding.name
            attributes["token_count_approximate"] = approximate
            found[top["span_id"]] = attributes
    if not tops:
        return found
    carrier = min(tops, key=lambda s: s["start_ns"])["span_id"]
    overridden = {a["overrides"] for a in trace["assessments"] if a["overrides"] and a["valid"] is not False}
    best = {}
    for a in trace["assessments"]:
        value = number(a["value"])
        if a["kind"] != "feedback" or a["valid"] is False or a["id"] in overridden or value is None:
            continue
        span = a["span_id"] or carrier
        if span not in ids:
            continue
        place, rank = (span, column(a["name"])), (a["last_update_time_ms"], a["id"])
        if place not in best or rank > best[place][0]:
            best[place] = rank, value
    for (span, name), (_, value) in best.items():
        found.setdefault(span, {})[name] = value
    return found


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
        json.dumps({"store": store, "trace_id": t["spans"][0]["trace_id"], "spans": expected(t)}, sort_keys=True) + "\n"
        for store in STORES for t in traces(store)
    ]
    with open(os.path.join(HERE, "expected.jsonl.gz"), "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", filename="", mtime=0) as z:
        z.write("".join(lines).encode())


if __name__ == "__main__":
    main()
