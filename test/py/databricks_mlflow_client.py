"""Uses a Databricks workspace as MLflow's client does: sets an experiment up, logs traces, scores and tags, and reads everything back.

    DATABRICKS_HOST=http://127.0.0.1:PORT DATABRICKS_TOKEN=… PYTHON databricks_mlflow_client.py NAME [--location CATALOG.SCHEMA.PREFIX | --legacy CATALOG.SCHEMA] [--link]

With --location the experiment's traces lie in Unity Catalog (--link: the experiment is there before its location), with --legacy in the older layout, without
either in the experiment itself. MLFLOW_TRACING_SQL_WAREHOUSE_ID names the warehouse.

Prints one JSON object: {"experiment", "traces": {label: id}, "tags": of the experiment, "found": [ids that searches found], "read": [what the client
returned for each trace: id, state, session, tags, previews, spans, assessments]}.
"""

import argparse
import json
import os
import sys
import time

os.environ.update(
    MLFLOW_TRACKING_URI="databricks",
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_HTTP_REQUEST_MAX_RETRIES="2",
    MLFLOW_ENABLE_ASYNC_TRACE_LOGGING=os.environ.get("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "true"),
    LOGNAME="mlflow-client",
)
sys.argv[0] = "client.py"  # becomes mlflow.source.name
os.chdir("/")

import mlflow  # noqa: E402
from mlflow.entities import AssessmentSource, SpanEvent  # noqa: E402
from mlflow.entities.trace_location import UCSchemaLocation, UnityCatalog  # noqa: E402


def experiment(args):
    """Makes the experiment the way that its place asks for."""
    if args.legacy:
        from mlflow.tracing import set_experiment_trace_location

        made = mlflow.set_experiment(args.name)
        catalog, schema = args.legacy.split(".")
        place = set_experiment_trace_location(location=UCSchemaLocation(catalog, schema), experiment_id=made.experiment_id)
        mlflow.tracing.set_destination(place)
        return made.experiment_id
    if args.link:
        mlflow.create_experiment(args.name)
    location = None
    if args.location:
        catalog, schema, prefix = args.location.split(".")
        location = UnityCatalog(catalog_name=catalog, schema_name=schema, table_prefix=prefix)
    return mlflow.set_experiment(args.name, trace_location=location).experiment_id


def traces():
    """Logs a tree of spans, a failure, and a trace with values of every type."""
    ids = {}

    @mlflow.trace(span_type="TOOL")
    def lookup(q):
        return [1, 2.5, {"q": q}]

    @mlflow.trace(span_type="AGENT")
    def agent(question):
        mlflow.update_current_trace(tags={"env": "test"}, metadata={"mlflow.trace.session": "s1", "mlflow.trace.user": "u1"}, client_request_id="request 1")
        with mlflow.start_span("model", span_type="LLM") as span:
            span.set_inputs({"messages": [{"role": "user", "content": question}]})
            span.set_attributes({"token_count": 12, "temperature": 0.5, "stream": True})
            span.add_event(SpanEvent("chosen", attributes={"name": "héllo", "n": 3}))
            span.set_outputs("an answer")
        return {"answer": "an answer", "from": lookup(question)}

    agent(question="what?")
    ids["agent"] = mlflow.get_last_active_trace_id()

    try:
        with mlflow.start_span("failing") as span:
            span.set_inputs("{\"looks\": \"like JSON\"}")
            raise ValueError("no luck")
    except ValueError:
        pass
    ids["failing"] = mlflow.get_last_active_trace_id()

    with mlflow.start_span("values") as span:
        span.set_inputs({"int": 2**53 + 1, "float": 1.0, "none": None, "list": [True, [], {}], "text": "日本 \n\""})
        span.set_outputs(None)
    ids["values"] = mlflow.get_last_active_trace_id()
    mlflow.flush_trace_async_logging()
    return ids


def score(trace):
    """Logs feedback of each form, an expectation, a correction and a tag, and takes one of each back."""
    judge = AssessmentSource(source_type="LLM_JUDGE", source_id="judge")
    first = mlflow.log_feedback(trace_id=trace, name="quality", value="yes", rationale="fine", source=judge, metadata={"run": "7"})
    mlflow.log_feedback(trace_id=trace, name="stars", value=4)
    failed = mlflow.log_feedback(trace_id=trace, name="broken", error=ValueError("rate limit"), source=judge)
    mlflow.log_expectation(trace_id=trace, name="expected", value="an answer")
    mlflow.log_expectation(trace_id=trace, name="facts", value=["a", "b"])
    gone = mlflow.log_feedback(trace_id=trace, name="gone", value=False)
    mlflow.delete_assessment(trace_id=trace, assessment_id=gone.assessment_id)
    updated = mlflow.log_feedback(trace_id=trace, name="updated", value="no")
    mlflow.update_assessment(trace_id=trace, assessment_id=updated.assessment_id, assessment=mlflow.entities.Feedback(name="updated", value="maybe", rationale="second thoughts"))
    mlflow.set_trace_tag(trace, "reviewed", "true")
    mlflow.set_trace_tag(trace, "temporary/ü", "1")
    mlflow.delete_trace_tag(trace, "temporary/ü")
    return {"first": first.assessment_id, "failed": failed.assessment_id}


def shown(trace):
    """A trace as JSON, without what changes from run to run."""
    return {
        "id": trace.info.trace_id,
        "state": str(trace.info.state.value),
        "session": trace.info.trace_metadata.get("mlflow.trace.session"),
        "client_request_id": trace.info.client_request_id,
        "tags": {k: v for k, v in trace.info.tags.items() if not k.startswith("mlflow.")},
        "request_preview": trace.info.request_preview,
        "response_preview": trace.info.response_preview,
        "spans": [
            {
                "id": s.span_id,
                "parent": s.parent_id,
                "name": s.name,
                "type": s.span_type,
                "start": s.start_time_ns,
                "end": s.end_time_ns,
                "status": s.status.status_code.value,
                "inputs": s.inputs,
                "outputs": s.outputs,
                "events": [e.name for e in s.events],
            }
            for s in trace.data.spans
        ],
        "assessments": sorted(
            ({"name": a.name, "value": a.value, "rationale": a.rationale, "source": a.source.source_id, "error": a.error.error_code if getattr(a, "error", None) else None} for a in trace.info.assessments),
            key=lambda a: a["name"],
        ),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--location")
    parser.add_argument("--legacy")
    parser.add_argument("--link", action="store_true")
    args = parser.parse_args()
    began = int(time.time() * 1000) - 1000
    made = experiment(args)
    ids = traces()
    scored = score(ids["agent"])
    where = [args.location or args.legacy or made]
    found = mlflow.search_traces(locations=where, filter_string=f"trace.timestamp_ms >= {began}", order_by=["timestamp_ms ASC"], return_type="list", max_results=10)
    failed = mlflow.search_traces(locations=where, filter_string=f"trace.timestamp_ms >= {began} AND trace.status = 'ERROR'", return_type="list", max_results=10)
    print(json.dumps({
        "experiment": made,
        "traces": ids,
        "assessments": scored,
        "tags": dict(mlflow.get_experiment(made).tags),
        "found": [t.info.trace_id for t in found],
        "failed": [t.info.trace_id for t in failed],
        "searched": [shown(t) for t in found],
        "read": [shown(mlflow.get_trace(i)) for i in ids.values()],
    }))


main()
