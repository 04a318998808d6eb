"""What the genai processor must write on the spans of a trace, computed from what MLflow's client returns. Shares nothing with the processor.

    refined(spans, assessments) -> {span_id: {attribute: value}}

A span is {"span_id", "parent_id", "start_ns", "attributes"}, attributes decoded; an assessment is as expected.py has it: {"id", "name", "kind", "value",
"span_id", "overrides", "valid", "last_update_time_ms"}.

Counts are len(encoding.encode(text, disallowed_special=())) of the inputs and outputs of the topmost spans: a string itself, anything else
json.dumps(value, ensure_ascii=False). None is no text. The encoding is that of the only model that the spans of type LLM and CHAT_MODEL use,
by tiktoken's table, else cl100k_base, which is then an approximation.

Scores are the valid feedback that no other valid assessment overrides and whose value is a number: of each name on each span the one that was
changed last, the larger id where that is the same. Feedback without a span is about the topmost span that started first.
"""

import hashlib
import json
import math
import re
import unicodedata

import vocabulary  # noqa: F401  before tiktoken looks for its files
import tiktoken

WORDS = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "pass": 1.0, "fail": 0.0, "passed": 1.0, "failed": 0.0}
LONGEST_LABEL = 128
LONGEST_NAME = 64


def encoding_of(spans):
    """The encoding for the text of these spans, and whether it is an approximation."""
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
    """The number that the value of a feedback stands for, or None."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        label = value.strip().lower()
        if len(label.encode()) > LONGEST_LABEL:
            return None
        if label in WORDS:
            return WORDS[label]
        if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", label) and math.isfinite(float(label)):
            return float(label)
    return None


def column(name):
    """The attribute for the name of an assessment, or None."""
    name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).lower())
    kept = "".join(c if c == "_" or unicodedata.category(c)[0] in "LMN" else " " for c in name)
    clean = re.sub(" +", "_", kept).strip("_")
    if len(clean) > LONGEST_NAME:
        clean = clean[: LONGEST_NAME - 9] + "_" + hashlib.sha256(clean.encode()).hexdigest()[:8]
    return "metric_" + clean if clean else None


def below(spans, top):
    """The ids of a span and of all under it."""
    children = {}
    for s in spans:
        children.setdefault(s["parent_id"], []).append(s["span_id"])
    found, ahead = set(), [top["span_id"]]
    while ahead:
        span = ahead.pop()
        if span not in found:
            found.add(span)
            ahead.extend(children.get(span, ()))
    return found


def counts(spans, tops):
    for top in tops:
        mine = below(spans, top)
        encoding, approximate = encoding_of([s for s in spans if s["span_id"] in mine])
        written = {}
        for key, name in (("mlflow.spanInputs", "token_count_request"), ("mlflow.spanOutputs", "token_count_response")):
            if top["attributes"].get(key) is not None:
                written[name] = count(encoding, top["attributes"][key])
        if written:
            written["token_count_encoding"] = encoding.name
            written["token_count_approximate"] = approximate
            yield top["span_id"], written


def scores(assessments, ids, carrier):
    overridden = {a["overrides"] for a in assessments if a["overrides"] and a["valid"] is not False}
    best = {}
    for a in assessments:
        if a["kind"] != "feedback" or a["valid"] is False or a["id"] in overridden:
            continue
        value, name, span = number(a["value"]), column(a["name"]), a["span_id"] or carrier
        if value is None or name is None or span not in ids:
            continue
        rank = a["last_update_time_ms"], a["id"]
        if (span, name) not in best or rank > best[span, name][0]:
            best[span, name] = rank, value
    for (span, name), (_, value) in best.items():
        yield span, {name: value}


def refined(spans, assessments):
    ids = {s["span_id"] for s in spans}
    tops = [s for s in spans if s["parent_id"] is None or s["parent_id"] not in ids]
    found = {}
    if tops:
        carrier = min(tops, key=lambda s: s["start_ns"])["span_id"]
        for span, written in (*counts(spans, tops), *scores(assessments, ids, carrier)):
            found.setdefault(span, {}).update(written)
    return found
