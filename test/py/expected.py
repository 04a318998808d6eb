"""Writes down what MLflow's own Python client returns for every trace of a server or store.

    PYTHON expected.py URI OUT.jsonl [--experiment NAME_OR_ID ...] [--deleted]

PYTHON is what env.sh printed: use the version of the server. URI is a tracking URI (http://... or sqlite:///...). Without
--experiment all active experiments are read, with --deleted the deleted ones too. MLFLOW_TRACKING_USERNAME and
MLFLOW_TRACKING_PASSWORD work as usual.

One JSON object per line and trace, sorted by experiment id (as a number), start time and trace id. Keys are always present:

    experiment_id, trace_id        strings
    info
      request_time_ms              int: start of the trace
      duration_ms                  int, or null while it runs
      state                        "OK" | "ERROR" | "IN_PROGRESS" | "STATE_UNSPECIFIED"
      client_request_id            string or null (also for 2.x clients, which have no such thing)
      request_preview, response_preview   string or null (same)
      metadata, tags               object of strings, keys sorted
    spans                          in the client's order; [] if there are none or nobody can read them
      trace_id, span_id            hex digits (32 and 16): the OpenTelemetry ids
      parent_id                    hex digits, or null for a root
      name                         string
      start_ns, end_ns             int; end_ns is null for an open span
      status                       {"code": "OK" | "ERROR" | "UNSET", "message": string}
      attributes                   object, in the client's order, values decoded. Inputs and outputs are the
                                   attributes mlflow.spanInputs and mlflow.spanOutputs: absent if never set, null if set to None.
      events                       [{"name", "time_ns", "attributes"}]; time_ns is what the client returns, so microseconds for
                                   spans written by old clients
      links                        [{"trace_id", "span_id", "attributes"}], [] for clients without links; trace_id as the client has it (tr-...)
    assessments                    sorted by creation time and id
      id, name, kind               strings; kind is "feedback" | "expectation" | "issue"
      value                        any; the name of the issue for an issue
      error                        null or {"code", "message", "stack_trace"}
      source                       {"type", "id"}
      rationale, span_id, overrides, run_id   string or null
      metadata                     object of strings, or null
      valid                        bool or null
      create_time_ms, last_update_time_ms     int
    error                          null, or why the client's get_trace failed ("RESOURCE_DOES_NOT_EXIST: ...", cut at 300 characters). Spans may be there
                                   all the same: get_trace of 3.x can't read values nested deeper than about 30 levels, so after a
                                   failure the spans are taken from the server's artifact route and decoded by the client's Span.from_dict.

Values are spelled as json.dumps(value, ensure_ascii=False) spells them: floats always have a point or an exponent, integers may
have any size, order is kept. What JSON lacks is tagged: {"$float": "NaN" | "Infinity" | "-Infinity"}, {"$bytes": base64},
{"$other": repr}. A line that holds half a surrogate pair is written in ASCII throughout, since UTF-8 can't hold it.
"""

import argparse
import base64
import json
import math
import os
import sys

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # some traces can only fail
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Span, ViewType  # noqa: E402


def plain(value):
    """The value with everything tagged that JSON lacks."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    return {"$other": repr(value)}


def text(value):
    """An enum or string as a string, "" as itself, None as None."""
    return None if value is None else str(getattr(value, "value", value))


def of_info(info):
    get = lambda *names: next((getattr(info, n) for n in names if hasattr(info, n)), None)  # noqa: E731
    return {
        "request_time_ms": get("request_time", "timestamp_ms"),
        "duration_ms": get("execution_duration", "execution_time_ms"),
        "state": text(get("state", "status")),
        "client_request_id": get("client_request_id") or None,
        "request_preview": get("request_preview"),
        "response_preview": get("response_preview"),
        "metadata": dict(sorted(get("trace_metadata", "request_metadata").items())),
        "tags": dict(sorted(info.tags.items())),
    }


def of_span(span):
    otel = span._span
    attributes = plain(span.attributes)
    for key, value in (("mlflow.spanInputs", span.inputs), ("mlflow.spanOutputs", span.outputs)):
        assert attributes.get(key) == plain(value), f"{key} of span {span.span_id} differs from the attribute"
    return {
        "trace_id": format(otel.context.trace_id, "032x"),
        "span_id": format(otel.context.span_id, "016x"),
        "parent_id": format(otel.parent.span_id, "016x") if otel.parent else None,
        "name": span.name,
        "start_ns": span.start_time_ns,
        "end_ns": span.end_time_ns,
        "status": {"code": text(span.status.status_code), "message": span.status.description or ""},
        "attributes": attributes,
        "events": [{"name": e.name, "time_ns": e.timestamp, "attributes": plain(dict(e.attributes or {}))} for e in span.events],
        "links": [{"trace_id": n.trace_id, "span_id": n.span_id, "attributes": plain(n.attributes or {})} for n in getattr(span, "links", None) or ()],
    }


def of_assessment(a):
    kind = next(k for k in ("feedback", "expectation", "issue") if getattr(a, k, None) is not None)
    held = getattr(a, kind)
    error = getattr(held, "error", None) or getattr(a, "error", None)
    return {
        "id": a.assessment_id,
        "name": a.name,
        "kind": kind,
        "value": plain(held.issue_name if kind == "issue" else held.value),
        "error": error and {"code": error.error_code, "message": error.error_message, "stack_trace": getattr(error, "stack_trace", None)},
        "source": {"type": text(a.source.source_type), "id": a.source.source_id},
        "rationale": a.rationale,
        "span_id": a.span_id,
        "overrides": getattr(a, "overrides", None),
        "run_id": getattr(a, "run_id", None),
        "metadata": dict(sorted(a.metadata.items())) if a.metadata else None,
        "valid": getattr(a, "valid", None),
        "create_time_ms": a.create_time_ms,
        "last_update_time_ms": a.last_update_time_ms,
    }


def all_infos(experiment_id):
    """Every trace info of an experiment, oldest first; pages are safe because nobody writes meanwhile."""
    from mlflow.exceptions import MlflowException
    from mlflow.tracking._tracking_service.utils import _get_store

    store, token, infos = _get_store(), None, []
    while True:
        order = {"filter_string": None, "max_results": 500, "order_by": ["timestamp_ms ASC"], "page_token": token}
        try:
            page = store.search_traces(experiment_ids=[experiment_id], **order)
        except (TypeError, MlflowException):  # that of a Databricks workspace knows the second only
            page = store.search_traces(locations=[experiment_id], **order)
        page, token = page if isinstance(page, tuple) else (page, page.token)
        infos.extend(page)
        if not token:
            return infos


def spans_from_artifact_route(trace_id):
    """The spans as the web page gets them; [] where there is no server or no data."""
    from mlflow.utils.rest_utils import http_request

    if not mlflow.get_tracking_uri().startswith("http"):
        return []
    from mlflow.tracking._tracking_service.utils import _get_store

    answer = http_request(_get_store().get_host_creds(), "/ajax-api/2.0/mlflow/get-trace-artifact", "GET", params={"request_id": trace_id}, raise_on_status=False)
    try:
        return [Span.from_dict(s) for s in answer.json()["spans"]] if answer.status_code == 200 else []
    except (ValueError, KeyError, RecursionError):
        return []


def of_trace(client, experiment_id, info):
    trace_id = getattr(info, "trace_id", None) or info.request_id
    spans, error = [], None
    try:
        trace = client.get_trace(trace_id)
        info, spans = trace.info, trace.data.spans
    except Exception as e:  # whatever the client raises is what it says about this trace
        error = f"{getattr(e, 'error_code', type(e).__name__)}: {e}"[:300]
        spans = spans_from_artifact_route(trace_id)
    assessments = [of_assessment(a) for a in getattr(info, "assessments", None) or ()]
    return {
        "experiment_id": experiment_id,
        "trace_id": trace_id,
        "info": of_info(info),
        "spans": [of_span(s) for s in spans],
        "assessments": sorted(assessments, key=lambda a: (a["create_time_ms"], a["id"])),
        "error": error,
    }


def json_line(line):
    text = json.dumps(line, ensure_ascii=False) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(line) + "\n"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("uri")
    parser.add_argument("out")
    parser.add_argument("--experiment", action="append", default=[])
    parser.add_argument("--deleted", action="store_true")
    options = parser.parse_args()
    mlflow.set_tracking_uri(options.uri)
    client = MlflowClient(options.uri)
    experiments = client.search_experiments(view_type=ViewType.ALL if options.deleted else ViewType.ACTIVE_ONLY)
    if options.experiment:
        wanted = set(options.experiment)
        experiments = [e for e in experiments if wanted & {e.name, e.experiment_id}]
        missing = wanted - {e.name for e in experiments} - {e.experiment_id for e in experiments}
        if missing:
            sys.exit(f"no experiment {', '.join(sorted(missing))}")
    traces = spans = unread = 0
    with open(options.out, "w", encoding="utf-8") as out:
        for experiment in sorted(experiments, key=lambda e: int(e.experiment_id)):
            infos = all_infos(experiment.experiment_id)
            for info in sorted(infos, key=lambda i: (i.timestamp_ms, i.request_id)):
                line = of_trace(client, experiment.experiment_id, info)
                out.write(json_line(line))
                traces, spans, unread = traces + 1, spans + len(line["spans"]), unread + (line["error"] is not None)
    print(json.dumps({"experiments": len(experiments), "traces": traces, "spans": spans, "errors": unread, "client": mlflow.__version__}))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # old clients leave threads that wait for the exporter
