"""What the refined views must show, computed from the raw rows without SQL. See the package documentation of extension/databrickssetupextension/internal/views."""
import collections
import datetime
import hashlib
import json
import math
import re
import unicodedata

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
NO_PARENT = (None, "", "0" * 16)
MARKS = ("token_count_request", "token_count_response", "token_count_encoding", "contract_cost_trace_total")
KIND = ("mlflow.spanType", "langsmith.span.kind", "gen_ai.operation.name", "openinference.span.kind", "llm.request.type", "traceloop.span.kind", "langfuse.observation.type",
        "ai.operationId")
DIALECTS = (*KIND, "gen_ai.provider.name", "gen_ai.system", "mlflow.traceRequestId", "token_count_encoding")
MODEL = ("gen_ai.request.model", "mlflow.llm.model", "llm.model_name", "embedding.model_name", "reranker.model_name", "langfuse.observation.model.name", "ai.model.id",
         "llm.request.model", "langsmith.metadata.ls_model_name", "gen_ai.response.model", "ai.response.model", "llm.response.model")
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "mlflow.llm.provider", "llm.provider", "llm.system", "ai.model.provider", "llm.vendor", "langsmith.metadata.ls_provider")
TOOL = ("gen_ai.tool.name", "tool.name", "ai.toolCall.name", "traceloop.entity.name")
SESSION = ("gen_ai.conversation.id", "mlflow.trace.session", "langfuse.session.id", "traceloop.association.properties.session_id", "gcp.vertex.agent.session_id",
           "langsmith.metadata.session_id", "langsmith.metadata.thread_id", "langsmith.metadata.conversation_id", "session.id")
TOKENS = {
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.usage.prompt_tokens", "ai.usage.inputTokens", "ai.usage.promptTokens",
              "ai.usage.tokens"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion", "llm.usage.completion_tokens", "ai.usage.outputTokens",
               "ai.usage.completionTokens"),
    "total": ("gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens", "ai.usage.totalTokens"),
}
REQUEST = ("mlflow.spanInputs", "gen_ai.input.messages", "gen_ai.tool.call.arguments", "gen_ai.retrieval.query.text", "gcp.vertex.agent.tool_call_args", "ai.toolCall.args",
           "input.value", "traceloop.entity.input", "langfuse.observation.input", "gen_ai.prompt", "ai.prompt.messages", "ai.prompt", "ai.value", "pydantic_ai.all_messages",
           "gcp.vertex.agent.llm_request")
RESPONSE = ("mlflow.spanOutputs", "gen_ai.output.messages", "gen_ai.tool.call.result", "gcp.vertex.agent.tool_response", "ai.toolCall.result", "output.value",
            "traceloop.entity.output", "langfuse.observation.output", "gen_ai.completion", "ai.response.text", "ai.response.object", "ai.response.toolCalls",
            "gcp.vertex.agent.llm_response", "gen_ai.retrieval.documents")


class JSON:
    """A text that must say this, however it is spelled."""

    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return "JSON(%r)" % (self.value,)


def micros(n):
    return EPOCH + datetime.timedelta(microseconds=n)


def attributes(holder):
    return (holder or {}).get("attributes") or {}


def text(value):
    """A value as text. Objects and lists stay: their text is JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return JSON(value)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def number(value):
    """A value as a double, or None."""
    if isinstance(value, (bool, int, float)):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def whole(value):
    n = number(value)
    return None if n is None or isinstance(value, bool) or not math.isfinite(n) else int(n)


def truth(value):
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def score(value, label=None):
    """A score, or None where it is no finite number."""
    label = value if label is None else label
    n = number(value)
    if n is None and isinstance(label, (str, bool)):
        word = text(label).strip().lower()
        n = 1.0 if word in ("yes", "true", "pass", "passed") else 0.0 if word in ("no", "false", "fail", "failed") else None
    return n if n is not None and math.isfinite(n) else None


def score_name(name):
    kept = "".join(c if c == "_" or unicodedata.category(c)[0] in "LMN" else " " for c in name.lower())
    clean = re.sub(" +", "_", kept).strip("_")
    return clean if len(clean) <= 64 else clean[:55] + "_" + hashlib.sha256(clean.encode()).hexdigest()[:8]


def langfuse_cost(a):
    """The total of Langfuse's costs, or their sum."""
    try:
        costs = json.loads(a["langfuse.observation.cost_details"])
        return float(costs["total"]) if costs.get("total") is not None else float(sum(v or 0 for v in costs.values())) if costs else None
    except (KeyError, ValueError, AttributeError):
        return None


def langfuse_usage(a):
    """Input and output by the conventions, and the total, of Langfuse's numbers, which do not contain each other."""
    said = a.get("langfuse.observation.usage_details")
    try:
        said = json.loads(said) if isinstance(said, str) else said
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}

    def n(*names):
        return first(*(said.get(x) for x in names))

    plain, out, total = n("input", "input_tokens", "prompt_tokens"), n("output", "output_tokens", "completion_tokens"), n("total", "total_tokens")
    cached = ((n("input_cached_tokens", "cache_read_input_tokens", "input_cache_read") or 0)
              + (n("cache_creation_input_tokens", "input_cache_creation", "input_cache_creation_5m", "cache_write_input_tokens") or 0) + (n("input_cache_creation_1h") or 0))
    thought = n("output_reasoning_tokens", "output_reasoning")
    included = plain is not None and cached <= plain and total == plain + (out or 0) + (thought or 0)
    return {"input": plain if included else None if plain is None and not cached else (plain or 0) + cached,
            "output": None if out is None and thought is None else (out or 0) + (thought or 0), "total": total}


def reported(a, side):
    """A number of tokens of a span beside MLflow's documents."""
    return first(*(whole(a.get(name)) for name in TOKENS[side]), langfuse_usage(a)[side])


def member(document, name):
    """A number of a JSON object that is an object or the text of one."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return None
    return number(document.get(name)) if isinstance(document, dict) else None


def first(*values):
    for v in values:
        if v is not None and v != "":
            return v
    return None


def stands(row):
    """Whether a span may stand for its trace."""
    a = attributes(row)
    return row["parent_span_id"] in NO_PARENT or a.get("mlflow.revision") is not None or any(a.get(m) is not None for m in MARKS)


def roots(rows):
    """The row that stands for each trace."""
    traces = {}
    for row in rows:
        a = attributes(row)
        if stands(row):
            versions = traces.setdefault(row["trace_id"], {}).setdefault(row["span_id"], [])
            revision = whole(a.get("mlflow.revision"))
            age = (row["record_id"],) if "record_id" in row else (row["end_time_unix_nano"], len(a) if a else -1)
            versions.append(((-1 if revision is None else revision,) + age, row))
    out = {}
    for trace, spans in traces.items():
        latest = [max(v, key=lambda pair: pair[0])[1] for v in spans.values()]

        def rank(row):
            a, child = attributes(row), row["parent_span_id"] not in NO_PARENT
            kind = 0 if a.get("mlflow.revision") is not None else 1 if child or any(a.get(d) is not None for d in DIALECTS) else 2
            return kind, child, row["start_time_unix_nano"], -row["end_time_unix_nano"], row["span_id"]

        out[trace] = min(latest, key=rank)
    return out


def notes(rows):
    """Tags and metadata of traces, of annotations."""
    newest = {}
    for r in rows:
        if r["target_type"] == "TRACE" and r["annotation_type"] in ("TAG", "METADATA"):
            key = (r["target_id"], r["annotation_type"], r["name"])
            newest[key] = max(newest.get(key, r), r, key=lambda x: (x["updated_at"], x["deleted_at"] or ""))
    out = {}
    for (trace, kind, name), r in newest.items():
        if not r["deleted_at"]:
            note = out.setdefault(trace, {"tags": {}, "metadata": {}})
            if kind == "TAG":
                note["tags"][name] = r["value"]
            else:
                note["metadata"] = (r["value"] or {}).get("trace_metadata") or {}
    return out


def trace_row(row, note):
    """The columns of a trace, without scores."""
    a, res = attributes(row), attributes(row["resource"])
    tags, meta = (note or {}).get("tags", {}), (note or {}).get("metadata", {})
    start, end = row["start_time_unix_nano"], row["end_time_unix_nano"]
    code = row["status"]["code"]

    def got(*names):
        return first(*(text(a.get(n)) for n in names))

    def tagged(*names):
        return got(*(p + n for n in names for p in ("mlflow.traceTag.", "mlflow.traceMetadata.")))

    usage = first(a.get("mlflow.trace.tokenUsage"), a.get("mlflow.chat.tokenUsage"), meta.get("mlflow.trace.tokenUsage"))
    costs = first(a.get("mlflow.trace.cost"), a.get("mlflow.llm.cost"), meta.get("mlflow.trace.cost"))
    plain_in, plain_out = reported(a, "input"), reported(a, "output")
    reported_in = first(member(usage, "input_tokens"), plain_in)
    reported_out = first(member(usage, "output_tokens"), plain_out)
    total = first(member(usage, "total_tokens"), reported(a, "total"))
    if total is None and plain_in is not None and plain_out is not None:
        total = plain_in + plain_out
    judge = first(got("mlflow.trace.sourceScorer"), tags.get("mlflow.trace.sourceScorer"))
    run = first(got("mlflow.sourceRun", "mlflow.eval.requestId"), meta.get("mlflow.sourceRun"), tags.get("mlflow.eval.requestId"))
    own = {k[len("mlflow.traceTag."):]: v for k, v in a.items() if k.startswith("mlflow.traceTag.")}
    all_tags = {**own, **{k: v for k, v in tags.items() if not k.startswith("mlflow.")}}
    return {
        "request_id": first((text(a.get("mlflow.traceRequestId")) or "").strip('"'), row["trace_id"]),
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
        "request_time": micros(start // 1000),
        "start_time_ms": start // 1000000,
        "execution_time_ms": (end - start) // 1000000 if end >= start else None,
        "status": first(got("mlflow.traceState"), {"STATUS_CODE_OK": "OK", "STATUS_CODE_ERROR": "ERROR"}.get(code, "UNSET")),
        "trace_name": first(got("mlflow.traceName", "langfuse.trace.name"), row["name"]),
        "span_type": (got(*KIND) or "").strip('"') or None,
        "experiment_id": first(got("mlflow.experimentId"), res.get("mlflow.experimentId")),
        "experiment": first(got("mlflow.experimentName"), res.get("mlflow.experimentName"), res.get("openinference.project.name"), res.get("mlflow.experimentId")),
        "service_name": first(row.get("service_name"), res.get("service.name")),
        "session_id": first(got(*SESSION), meta.get("mlflow.trace.session")),
        "user_id": first(got("user.id", "mlflow.trace.user", "enduser.id"), meta.get("mlflow.trace.user")),
        "environment": first(got("deployment.environment.name", "deployment.environment"), tagged("environment", "env"), res.get("deployment.environment.name"),
                             res.get("deployment.environment"), meta.get("environment"), meta.get("env"), tags.get("environment"), tags.get("env")),
        "app_version": first(tagged("app_version", "version"), got("service.version"), res.get("service.version"), got("mlflow.modelId", "mlflow.source.git.commit"),
                             meta.get("app_version"), tags.get("app_version"), tags.get("version")),
        "model": got(*MODEL),
        "trace_kind": "judge" if judge else "evaluation" if run else "live",
        "tags": all_tags if a or note else None,
        "token_count_request": whole(a.get("token_count_request")),
        "token_count_response": whole(a.get("token_count_response")),
        "token_count_encoding": got("token_count_encoding"),
        "token_count_approximate": truth(a.get("token_count_approximate")),
        "reported_tokens_input": None if reported_in is None else int(reported_in),
        "reported_tokens_output": None if reported_out is None else int(reported_out),
        "reported_tokens_total": None if total is None else int(total),
        "reported_cost": first(member(costs, "total_cost"), number(a.get("llm.cost.total")), langfuse_cost(a)),
        "contract_cost_trace_total": number(a.get("contract_cost_trace_total")),
        "contract_cost_trace_partial": truth(a.get("contract_cost_trace_partial")),
        "contract_cost_currency": got("contract_cost_currency"),
    }


def content_row(row, fields):
    a = attributes(row)

    def side(names, prefixes, last):
        for n in names:
            v = text(a.get(n))
            if v is not None and v != "":
                return v
        for p in prefixes:
            gathered = {k[len(p):]: v for k, v in a.items() if k.startswith(p)}
            if gathered:
                return JSON(gathered)
        return a.get(last) or None

    return {
        **{k: fields[k] for k in ("request_id", "trace_id", "request_time", "experiment_id", "service_name")},
        "request": side(REQUEST, ("llm.input_messages.", "gen_ai.prompt.", "llm.prompts."), "mlflow.requestPreview"),
        "response": side(RESPONSE, ("llm.output_messages.", "gen_ai.completion.", "llm.completions."), "mlflow.responsePreview"),
    }


def spans_row(row):
    """The columns of one span."""
    a, res = attributes(row), attributes(row["resource"])
    start, end = row["start_time_unix_nano"], row["end_time_unix_nano"]

    def got(*names):
        return first(*(text(a.get(n)) for n in names))

    status = {"STATUS_CODE_OK": "OK", "STATUS_CODE_ERROR": "ERROR"}.get(row["status"]["code"], "UNSET")
    kind = (got(*KIND) or "").strip('"') or None
    exceptions = [e for e in row["events"] or [] if e["name"] == "exception"]
    thrown = attributes(exceptions[-1]).get("exception.type") if exceptions and status == "ERROR" else None
    usage, cost = a.get("mlflow.chat.tokenUsage"), a.get("mlflow.llm.cost")
    tokens = {side: first(member(usage, side + "_tokens"), reported(a, side)) for side in ("input", "output")}
    return {
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
        "parent_span_id": None if row["parent_span_id"] in NO_PARENT else row["parent_span_id"],
        "start_time": micros(start // 1000),
        "duration_ms": (end - start) / 1e6 if end >= start else None,
        "span_type": kind,
        "span_name": row["name"],
        "model": got(*MODEL),
        "provider": got(*PROVIDER),
        "tool": first(got(*TOOL), row["name"]) if (kind or "").lower() in ("tool", "execute_tool", "ai.toolcall") else got("gen_ai.tool.name"),
        "agent": got("gen_ai.agent.name", "agent.name"),
        "status": status,
        "error_type": first(got("error.type"), thrown),
        "reported_tokens_input": None if tokens["input"] is None else int(tokens["input"]),
        "reported_tokens_output": None if tokens["output"] is None else int(tokens["output"]),
        "reported_cost": first(member(cost, "total_cost"), number(a.get("llm.cost.total")), langfuse_cost(a)),
        "contract_cost": number(a.get("contract_cost_total")),
        "contract_cost_currency": got("contract_cost_currency"),
        "experiment_id": first(got("mlflow.experimentId"), res.get("mlflow.experimentId")),
        "service_name": first(row.get("service_name"), res.get("service.name")),
        "environment": first(got("deployment.environment.name", "deployment.environment"), res.get("deployment.environment.name"), res.get("deployment.environment")),
    }


def latest(rows):
    """The spans without repeats, by trace and span."""
    versions = {}
    for row in rows:
        a = attributes(row)
        revision = whole(a.get("mlflow.revision"))
        age = (row["record_id"],) if "record_id" in row else (row["end_time_unix_nano"], len(a) if a else -1)
        versions.setdefault((row["trace_id"], row["span_id"]), []).append(((-1 if revision is None else revision,) + age, row))
    return {key: max(list_, key=lambda pair: pair[0])[1] for key, list_ in versions.items()}


def document(value):
    """A text as a JSON object: itself, or as the member request of one."""
    if isinstance(value, JSON):
        return value if isinstance(value.value, dict) else JSON({"request": value.value})
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    return JSON(parsed if isinstance(parsed, dict) else {"request": parsed if isinstance(parsed, list) else value})


def instant(text_):
    return datetime.datetime.fromisoformat(text_.replace("Z", "+00:00"))


def listed(logs):
    """Of each trace: when it was found last which assessments it has, and their ids."""
    lists = {}
    for r in logs or []:
        ids = attributes(r).get("mlflow.trace.assessments")
        if r["event_name"] == "mlflow.trace.updated" and ids is not None:
            ids = json.loads(ids) if isinstance(ids, str) else ids
            lists[r["trace_id"]] = max(lists.get(r["trace_id"], (0, [])), (r["observed_time_unix_nano"], ids))
    return lists


CUT = object()


def expectations(tops, logs, annotations):
    """The expectations of each trace by name."""
    states, out = {}, {}  # of each assessment: (when, found, name, value, valid, overrides, known since)
    for trace, row in tops.items():
        said = attributes(row).get("mlflow.assessments")
        for n, a in enumerate(json.loads(said) if isinstance(said, str) else said or []):
            if "expectation" in a and a.get("span_id", "") in ("", row["span_id"]):
                x = a["expectation"]
                value = json.loads(x["serialized_value"]["value"]) if "serialized_value" in x else x["value"]
                known = (whole(attributes(row).get("mlflow.revision")) or 10**12) * 10**6
                states.setdefault((trace, a.get("assessment_id", n)), []).append(
                    (instant(a["last_update_time"]), 0, a["assessment_name"], value, a.get("valid", True), a.get("overrides"), known))
    for n, r in enumerate(logs or []):
        a, top = attributes(r), tops.get(r["trace_id"])
        if r["event_name"] == "gen_ai.evaluation.result" and top and r["span_id"] in NO_PARENT + (top["span_id"],) and a.get("mlflow.assessment.kind") == "expectation":
            value = a.get("mlflow.assessment.value")
            value = CUT if value is None or "mlflow.assessment.value" in (a.get("mlflow.assessment.truncated") or []) else json.loads(value)
            states.setdefault((r["trace_id"], a.get("mlflow.assessment.id", "log %d" % n)), []).append(
                (micros(r["time_unix_nano"] // 1000), r["observed_time_unix_nano"], a["gen_ai.evaluation.name"], value,
                 truth(a.get("mlflow.assessment.valid")) is not False, a.get("mlflow.assessment.overrides"), r["observed_time_unix_nano"]))
    lists, current = listed(logs), {}
    for (trace, id_), list_ in states.items():
        when, _, name, value, valid, overrides, known = max(list_, key=lambda s: s[:2])
        if value is CUT:
            value = next((s[3] for s in list_ if s[0] == when and s[3] is not CUT), CUT)
        found, present = lists.get(trace, (-1, []))
        if valid and not (found >= known and isinstance(id_, str) and id_ not in present):
            current[(trace, id_)] = (when, 0, name, value, overrides)
    replaced = {(trace, s[4]) for (trace, _), s in current.items() if s[4]}
    newest = {}
    for r in annotations or []:
        if r["annotation_type"] == "EXPECTATION" and r["target_id"] in tops:
            newest[r["annotation_id"]] = max(newest.get(r["annotation_id"], r), r, key=lambda x: x["updated_at"])
    for r in newest.values():
        metadata = r.get("metadata") or {}
        if not r["deleted_at"] and truth(metadata.get("mlflow.valid")) is not False:
            serialized = "mlflow.expectation.serialization_format" in metadata
            value = json.loads(r["value"]) if serialized else r["value"]
            current[(r["target_id"], "annotation " + r["annotation_id"])] = (instant(r["updated_at"]), 1, r["name"], value, None)
    for (trace, id_), (when, place, name, value, _) in sorted(current.items(), key=lambda e: e[1][:2]):
        if (trace, id_) not in replaced:
            out.setdefault(trace, {})[name] = value
    return {trace: {n: v for n, v in by_name.items() if v is not CUT} for trace, by_name in out.items()}


def eval_row(content, fields, expected, scores):
    return {
        "inputs": document(content["request"]), "outputs": content["response"], "expectations": JSON(expected),
        **{k: fields[k] for k in ("request_id", "trace_id", "request_time", "status", "experiment_id", "experiment", "service_name", "session_id", "environment",
                                  "app_version", "trace_kind", "tags")},
        "scores": scores,
    }


def scores(tops, logs=None, annotations=None):
    """(trace, name) → (score, source, when): the newest of each name."""
    entries, withdrawn = {}, {}
    for trace, row in tops.items():
        a = attributes(row)
        revision = whole(a.get("mlflow.revision")) or 0
        when = micros(revision * 1000) if revision > 0 else micros(max(row["start_time_unix_nano"], row["end_time_unix_nano"]) // 1000)
        for key, value in a.items():
            if key.startswith("metric_") and len(key) > 7:
                offer(entries, withdrawn, (trace, key[7:]), when, 2, "span", score(value), True)
    records = {}
    for r in logs or []:
        a = attributes(r)
        top = tops.get(r["trace_id"])
        if r["event_name"] == "gen_ai.evaluation.result" and top and (not r["span_id"] or r["span_id"] == top["span_id"]) and a.get("mlflow.assessment.kind", "feedback") == "feedback":
            key = (r["trace_id"], r["span_id"], a.get("mlflow.assessment.id"))
            records[key] = max(records.get(key, r), r, key=lambda x: (x["time_unix_nano"], x["observed_time_unix_nano"]))
    lists = listed(logs)

    def deleted(r):
        """When the assessment was found to be deleted, or None."""
        found, present = lists.get(r["trace_id"], (-1, []))
        id_ = attributes(r).get("mlflow.assessment.id")
        return found if id_ is not None and found >= r["observed_time_unix_nano"] and id_ not in present else None

    def valid(r):
        return truth(attributes(r).get("mlflow.assessment.valid")) is not False

    def stands_now(r):
        return valid(r) and deleted(r) is None

    replaced = overridden((r["trace_id"], attributes(r).get("mlflow.assessment.overrides")) for r in records.values() if stands_now(r))
    for r in records.values():
        a = attributes(r)
        value = score(a.get("gen_ai.evaluation.score.value"), a.get("gen_ai.evaluation.score.label"))
        changed = r["time_unix_nano"] if valid(r) else max(r["time_unix_nano"], r["observed_time_unix_nano"])
        when = micros((deleted(r) or changed) // 1000)
        offer(entries, withdrawn, (r["trace_id"], score_name(a["gen_ai.evaluation.name"])), when, 0, "log", value,
              stands_now(r) and (r["trace_id"], a.get("mlflow.assessment.id")) not in replaced)
    newest = {}
    for r in annotations or []:
        trace = r["target_id"].split("/")[-1].split(":")[0]
        if r["annotation_type"] == "FEEDBACK" and trace in tops:
            key = r["annotation_id"]
            newest[key] = max(newest.get(key, (trace, r)), (trace, r), key=lambda x: (x[1]["updated_at"], x[1].get("deleted_at") or ""))

    def said(r, name):
        return (r.get("metadata") or {}).get("mlflow." + name)

    def live(r):
        return not r.get("deleted_at") and truth(said(r, "valid")) is not False

    replaced = overridden((trace, said(r, "overrides")) for trace, r in newest.values() if live(r))
    for trace, r in newest.values():
        span = (said(r, "span_id") or (r["target_id"].split(":")[-1] if r["target_type"] == "SPAN" else "")).lower()
        if span in ("", tops[trace]["span_id"]):
            when = instant(r.get("deleted_at") or r["updated_at"])
            counts = live(r) and (trace, r["annotation_id"]) not in replaced
            offer(entries, withdrawn, (trace, score_name(r["name"])), when, 1, "annotation", score(r["value"]), counts)
    out = {}
    for key, list_ in entries.items():
        left = [e for e in list_ if e[2] != "span" or key not in withdrawn or e[0] >= withdrawn[key]]
        if left and key[1]:
            when, _, source, value = max(left, key=lambda e: (e[0], e[1], e[3]))
            out[key] = (value, source, when)
    return out


def overridden(pairs):
    """(trace, id) of the assessments that others override, given (trace, id or None) of those that count."""
    return {(trace, id_) for trace, id_ in pairs if id_ is not None}


def agreement(run):
    """The three sources of scores show the same of one list of assessments that MLflow's client has made."""
    scored = next(trace for trace, row in roots(run.tables["spark_catalog.lab.agents_otel_spans"]).items()
                  if attributes(row).get("mlflow.source.traceRequestId") == run.agreement["request"])
    for trace, source in zip([scored] + run.agreement["others"], ("span", "log", "annotation")):
        rows = run.spark.sql("SELECT score_name, score, source FROM spark_catalog.lab.everywhere_genai_scores WHERE trace_id = '%s' AND startswith(score_name, 'agree_')" % trace).collect()
        run.equal("scores by " + source, {r[0]: r[1] for r in rows}, run.agreement["scores"])
        run.equal("their sources", {r[2] for r in rows}, {source})


def late(run, prefix, columns):
    """Scores and expectations that came late, and were changed, overridden, deleted and restored after the trace was delivered, are right in all views."""
    trace, want = run.late["trace"], run.late["scores"]
    where = " WHERE trace_id = '%s'" % trace
    tall = run.spark.sql("SELECT score_name, score FROM spark_catalog.lab.%s_genai_scores" % prefix + where).collect()
    run.equal(prefix + " scores", {r[0]: r[1] for r in tall}, want)
    wide, = [r.asDict() for r in run.spark.sql("SELECT * FROM spark_catalog.lab.%s_genai_traces" % prefix + where).collect()]
    run.equal(prefix + " traces", {n: wide[c] for n, c in columns if wide[c] is not None}, {n: want[n] for n, _ in columns if n in want})
    eval_, = run.spark.sql("SELECT scores, expectations FROM spark_catalog.lab.%s_genai_eval" % prefix + where).collect()
    run.equal(prefix + " eval", eval_[0], want)
    run.equal(prefix + " expectations", json.loads(eval_[1]), run.late["expectations"])


def found(spans, logs=None, annotations=None):
    """What the query for the names of scores returns: names, sources and how many traces show them."""
    counts = collections.Counter((name, source) for (_, name), (_, source, _) in scores(roots(spans), logs, annotations).items())
    rows = [{"score_name": name, "source": source, "occurrences": n} for (name, source), n in counts.items()]
    return sorted(rows, key=lambda r: (-r["occurrences"], r["score_name"], r["source"]))


def offer(entries, withdrawn, key, when, weight, source, value, valid):
    if value is None or not valid:
        withdrawn[key] = max(withdrawn.get(key, when), when)
    else:
        entries.setdefault(key, []).append((when, weight, source, value))


BESIDE = ("status", "experiment_id", "experiment", "service_name", "environment", "app_version", "model", "trace_kind")


def views(run, prefix, spans, columns, logs=None, annotations=None):
    """Compares the views of one set. columns are (name of the score, column), in order."""
    spans = run.tables["spark_catalog.lab." + spans]
    logs = logs and run.tables["spark_catalog.lab." + logs]
    annotations = annotations and run.tables["spark_catalog.lab." + annotations]
    tops, said = roots(spans), notes(annotations or [])
    of_trace = {trace: trace_row(row, said.get(trace) if annotations else None) for trace, row in tops.items()}
    if annotations:
        for row in of_trace.values():
            row["tags"] = row["tags"] or {}
    found = scores(tops, logs, annotations)
    wide = {(t,): {**row, **{c: found.get((t, n), (None,))[0] for n, c in columns}} for t, row in of_trace.items()}
    tall = {}
    for (t, name), (value, source, when) in found.items():
        row = of_trace[t]
        tall[(t, name)] = {**{k: row[k] for k in ("request_id", "trace_id", "request_time")}, "score_name": name, "score": value, "source": source, "scored_at": when,
                           **{k: row[k] for k in BESIDE}}
    # The view of content reads nothing of annotations.
    content = {(t,): content_row(row, trace_row(row, None)) for t, row in tops.items()}
    run.check(prefix + "_genai_traces", ["trace_id"], wide)
    run.check(prefix + "_genai_scores", ["trace_id", "score_name"], tall)
    run.check(prefix + "_genai_content", ["trace_id"], content)
    run.check(prefix + "_genai_spans", ["trace_id", "span_id"], {key: spans_row(row) for key, row in latest(spans).items()})
    wanted, by_name = expectations(tops, logs, annotations), {}
    for (t, name), (value, _, _) in found.items():
        by_name.setdefault(t, {})[name] = value
    run.check(prefix + "_genai_eval", ["trace_id"], {
        (t,): eval_row(row, of_trace[t], wanted.get(t, {}), by_name.get(t, {})) for (t,), row in content.items() if row["request"] is not None})
    return found


def column_hash(name):
    return hashlib.sha256(name.encode()).hexdigest()[:8]


ODD = 'it\'s "odd"?'
COLUMNS = [("Relevance", "metric_relevance"), ("answer_length", "metric_answer_length"), ("groundedness", "metric_groundedness"), (ODD, "metric_it_s_odd"),
           ("relevance", "metric_relevance_" + column_hash("relevance"))]


def compare(run):
    tables = run.tables
    counted(run)

    def rows(name):
        return tables["spark_catalog.lab." + name]

    # v2
    names, count = run.sheet("v2")
    views(run, "agents", "agents_otel_spans", COLUMNS)
    run.equal("names found in v2", names, found(rows("agents_otel_spans")))
    run.equal("number of spans", count, [{"spans": len(rows("agents_otel_spans"))}])

    # The same tables, with scores, tags and metadata of logs and annotations.
    names, = run.sheet("v2_everywhere")
    named = ["Relevance", "answer_length", "groundedness", "quality", "relevance", "tone"]
    columns = [(n, column_of(n, named)) for n in named]
    views(run, "everywhere", "agents_otel_spans", columns, "agents_otel_logs", "agents_otel_annotations")
    agreement(run)
    late(run, "everywhere", columns)
    want = found(rows("agents_otel_spans"), rows("agents_otel_logs"), rows("agents_otel_annotations"))
    run.equal("names found everywhere", names, want)

    # v1
    names, count = run.sheet("v1")
    views(run, "mlflow_experiment_trace", "mlflow_experiment_trace_otel_spans", COLUMNS)
    run.equal("names found in v1", names, found(rows("mlflow_experiment_trace_otel_spans")))
    run.equal("number of spans in v1", count, [{"spans": len(rows("mlflow_experiment_trace_otel_spans"))}])
    names, = run.sheet("v1_logs")
    named = ["Relevance", "answer_length", "groundedness", "relevance", "tone"]
    columns = [(n, column_of(n, named)) for n in named]
    views(run, "everywhere_v1", "mlflow_experiment_trace_otel_spans", columns, "mlflow_experiment_trace_otel_logs")
    want = found(rows("mlflow_experiment_trace_otel_spans"), rows("mlflow_experiment_trace_otel_logs"))
    late(run, "everywhere_v1", columns)
    run.equal("names found in v1 and its logs", names, want)

    # Views over the streaming table show what views over all spans show.
    run.streaming_table("v2")
    run.sheet("v2_streamed")
    views(run, "streamed", "agents_otel_spans", COLUMNS)

    planned(run)
    growing(run)
    before = len(run.spark.sql("SHOW VIEWS IN spark_catalog.lab").collect())
    run.sheet("teardown")
    run.equal("views dropped by the teardown", before - len(run.spark.sql("SHOW VIEWS IN spark_catalog.lab").collect()), 5)


def counted(run):
    """The queries of verify return what the fake workspace answered: spans without an id and repeats are counted alike."""
    empty = 0
    for q in run.queries:
        got = sorted(["" if v is None else str(v) for v in row] for row in run.execute("verify", q["sql"]))
        run.equal(q["sql"][:200], got, sorted(q["rows"]))
        empty += sum("" in row for row in got)
    run.equal("spans without an id were counted", empty > 0, True)


def planned(run):
    """The plan that setup prints makes the views as it is, and after more scores have arrived the next plan adds columns."""
    table = "spark_catalog.lab.agents_otel_spans"
    have = []
    for step, plan in enumerate(run.plans):
        for sql in plan:
            if sql.startswith("COMMENT ON COLUMN "):  # of a view: Databricks only
                run.parse("plan", sql)
                run.left.append("plan: COMMENT ON COLUMN")
            else:
                run.execute("plan %d" % (step + 1), sql)
        columns = run.spark.table("spark_catalog.lab.planned_genai_traces").columns
        renamed = json.loads(run.properties("planned_genai_traces").get("otelcol_mlflow.scores", "{}"))
        scores = [(renamed.get(c, c[len("metric_"):]), c) for c in columns if c.startswith("metric_")]
        views(run, "planned", "agents_otel_spans", scores, "agents_otel_logs", "agents_otel_annotations")
        run.equal("plan %d keeps columns in their order" % (step + 1), columns[: len(have)], have)
        names = {n for n, _ in scores}
        if step == 0:
            missing = {r["score_name"] for r in found(run.tables[table])} - names
            run.equal("scores that got no column", missing, set())
            run.append(table, run.later)
            run.tables[table] += run.later
        else:
            run.equal("columns that were added", len(columns) - len(have), 2)
            run.equal("their names", {"arrived_later", "Arrived_later"} <= names, True)
        have = columns


def growing(run):
    """Setup runs over an empty table; then scores arrive, and one whose name differs from another's in case only. The tall view shows each at once, the wide one after setup ran again."""
    model = run.tables["spark_catalog.lab.agents_otel_spans"][0]
    run.spark.sql("CREATE TABLE spark_catalog.lab.growing_otel_spans (%s)" % run.columns["spark_catalog.lab.agents_otel_spans"])
    rows = []

    def arrive(trace, scores):
        row = dict(model, trace_id="%032x" % trace, span_id="%016x" % trace, parent_span_id=None, attributes={"mlflow.spanType": "AGENT", **{"metric_" + k: v for k, v in scores.items()}})
        rows.append(row)
        run.append("spark_catalog.lab.growing_otel_spans", [row])

    def shown():
        wide = run.spark.table("spark_catalog.lab.growing_genai_traces")
        scores = [c for c in wide.columns if c.startswith("metric_")]
        tall = {(int(r["trace_id"], 16), r["score_name"]): r["score"] for r in run.spark.table("spark_catalog.lab.growing_genai_scores").collect()}
        return wide.columns, {(int(r["trace_id"], 16), c): r[c] for r in wide.collect() for c in scores if r[c] is not None}, tall

    def after(step, earlier, names):
        """After setup ran again: what it found, and that the catalog keeps what was written."""
        found, = run.sheet(step)
        run.equal(step + " found", sorted(r["score_name"] for r in found), sorted(names))
        columns, wide, tall = shown()
        run.equal(step + " keeps columns in their order", columns[: len(earlier)], earlier)
        text, _, _ = run.definition("growing_genai_traces")
        written = next(sql for _, _, sql in run.statements(step) if " AS\nWITH" in sql).split(" AS\n", 1)[1]
        run.equal(step + ": the query that the catalog keeps", text, written)
        return columns, wide, tall

    run.sheet("growing_1")
    _, comments, comment = run.definition("growing_genai_traces")
    run.equal("comments of columns", all(comments.values()) and len(comments) == len(set(comments.values())), True)
    run.equal("comment of the view", "One row per GenAI trace" in comment, True)
    columns, wide, tall = shown()
    run.equal("an empty table", (wide, tall), ({}, {}))

    arrive(1, {"relevance": 0.5, "quality": 1, "safety": "yes"})
    _, wide, tall = shown()
    run.equal("three scores in the tall view at once", tall, {(1, "relevance"): 0.5, (1, "quality"): 1.0, (1, "safety"): 1.0})
    run.equal("and not yet in the wide one", wide, {})
    columns, wide, tall = after("growing_2", columns, ["relevance", "quality", "safety"])
    run.equal("three columns", wide, {(1, "metric_relevance"): 0.5, (1, "metric_quality"): 1.0, (1, "metric_safety"): 1.0})

    arrive(2, {"Quality": 0.25, "quality": 0.75})
    arrive(3, {"Quality": 0.125})
    _, wide, tall = shown()
    run.equal("a fourth in the tall view at once", {k: v for k, v in tall.items() if k[0] > 1}, {(2, "Quality"): 0.25, (2, "quality"): 0.75, (3, "Quality"): 0.125})
    run.equal("the wide view before setup", {k: v for k, v in wide.items() if k[0] > 1}, {(2, "metric_quality"): 0.75})
    fourth = "metric_quality_" + column_hash("Quality")
    columns, wide, tall = after("growing_3", columns, ["relevance", "quality", "safety", "Quality"])
    run.equal("the fourth column is the last", columns[-1], fourth)
    run.equal("four columns", {k: v for k, v in wide.items() if k[0] > 1}, {(2, "metric_quality"): 0.75, (2, fourth): 0.25, (3, fourth): 0.125})
    view, copied = (sorted(str(r) for r in run.spark.table("spark_catalog.lab.growing_genai_traces" + end).collect()) for end in ("", "_table"))
    run.equal("rows of the copy of the view", copied, view)
    run.equal("its name is known", json.loads(run.properties("growing_genai_traces")["otelcol_mlflow.scores"]), {fourth: "Quality"})


def column_of(name, names):
    """The column of a score: the first of those that differ in case only has the plain name."""
    same_column = [n for n in names if n.lower() == name.lower()]
    plain = "metric_" + name.lower()
    return plain if same_column[0] == name else plain + "_" + column_hash(name)
