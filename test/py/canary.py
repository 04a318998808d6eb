"""Writes traces that hold a canary of its own in every place for text, with MLflow's client, into an experiment of a server.

    PYTHON canary.py URL EXPERIMENT        with the 3.17.2 environment

A canary is an e-mail address, canary.PLACE@example.com, after a line break, where a pattern that doesn't know JSON cuts through the escape. Prints
{"experiment": id, "canaries": [all], "keys": [those in keys of attributes], "spans": number of spans, "broken": id of a trace of one
more span that a test may break}.
"""

import json
import os
import sys
import urllib.request

os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false", MLFLOW_HTTP_REQUEST_MAX_RETRIES="1", LOGNAME="canary.login@example.com"
)  # fmt: skip
os.chdir("/")
sys.argv[0] = "canary.script@example.com"  # becomes mlflow.source.name

import mlflow  # noqa: E402
from mlflow.entities import AssessmentSource, Expectation, Feedback, Link, SpanEvent, SpanStatus  # noqa: E402
from mlflow.entities.assessment import AssessmentError  # noqa: E402

placed = ["canary.script@example.com", "canary.login@example.com"]


def at(place):
    placed.append(f"canary.{place}@example.com")
    return f'Hi "you",\n{placed[-1]} or call +49 30 901820'


def agent(experiment):
    root = mlflow.start_span_no_context(
        "answer " + at("span-name"), span_type="AGENT", experiment_id=experiment, inputs={"question": at("inputs"), "as JSON": json.dumps({"inner": at("inputs-json")})},
        attributes={"note": at("attribute"), "structured": {"list": [at("attribute-list"), {"of " + at("attribute-key"): at("attribute-map")}]}, "retries": 2},
        tags={"customer": at("tag"), "of " + at("tag-key"): "x", "mlflow.traceName": at("trace-name")},
        metadata={"mlflow.trace.session": "session-1", "mlflow.trace.user": at("user"), "note": at("metadata")},
    )  # fmt: skip
    chat = mlflow.start_span_no_context(
        "chat", parent_span=root, span_type="CHAT_MODEL",
        inputs={"model": "gpt-4o-mini", "messages": [{"role": "system", "content": at("system")}, {"role": "user", "content": [{"type": "text", "text": at("message")}]}]},
        attributes={"mlflow.chat.tools": [{"type": "function", "function": {"name": "find", "description": at("tool-description")}}], "mlflow.llm.model": "gpt-4o-mini"},
    )  # fmt: skip
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": json.dumps({"to": at("call-arguments")})}}
    chat.end(outputs={"choices": [{"message": {"role": "assistant", "content": at("answer"), "tool_calls": [call]}}], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}})
    tool = mlflow.start_span_no_context("find", parent_span=chat, span_type="TOOL", inputs={"to": at("tool-arguments")})
    tool.add_event(SpanEvent(at("event-name"), attributes={"why": at("event"), "list": [at("event-list")], "of " + at("event-key"): "x"}))
    exception = {"exception.type": "ValueError", "exception.message": at("exception"), "exception.stacktrace": "Traceback:\n" + at("stack")}
    tool.add_event(SpanEvent("exception", attributes=exception))
    tool.end(outputs=at("tool-result"), status=SpanStatus("ERROR", at("status")))
    documents = [{"page_content": at("document"), "metadata": {"doc_uri": at("document-uri")}, "id": at("document-id")}]
    retriever = mlflow.start_span_no_context("retrieve", parent_span=root, span_type="RETRIEVER", inputs={"query": at("query")})
    retriever.end(outputs=documents)
    root.end(outputs={"answer": at("outputs")})
    return root


def linked(experiment, to):
    """A trace whose link and function have canaries."""
    link = Link(trace_id=to.trace_id, span_id=to.span_id, attributes={"why": at("link")})
    mlflow.start_span_no_context(at("linked-name"), experiment_id=experiment, inputs=at("string"), links=[link]).end(outputs=[at("list")])


def scores(trace_id, span_id):
    human = AssessmentSource("HUMAN", at("reviewer"))
    judge = AssessmentSource("LLM_JUDGE", "openai:/gpt-4o-mini")
    for made in (
        Feedback(name="helpful", value=True, source=human, rationale=at("rationale"), metadata={"note": at("score-metadata")}),
        Feedback(name="tone", value=at("feedback"), source=judge, rationale=at("rationale-judge")),
        Feedback(name="facts", value={"found": at("feedback-map")}, source=judge),
        Feedback(name="recall", value=0.5, source=judge, span_id=span_id, rationale=at("rationale-span")),
        Feedback(name="failed", error=AssessmentError("RATE", at("score-error"), at("score-stack")), source=judge),
        Expectation(name="expected", value=at("expectation"), source=human),
        Expectation(name="facts expected", value=[at("expectation-list")], source=human),
    ):
        mlflow.log_assessment(trace_id, made)


def previews(url, experiment):
    """A trace whose span has neither inputs nor outputs, and whose previews therefore are all that there is."""
    span = mlflow.start_span_no_context("previewed", experiment_id=experiment)
    span.end()
    info = {
        "trace_id": span.trace_id, "request_time": "2026-03-04T05:06:07.891Z", "execution_duration": "1.234s", "state": "OK", "client_request_id": "request 1",
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_preview": at("request-preview"), "response_preview": at("response-preview"),
    }  # fmt: skip
    request = urllib.request.Request(url + "/api/3.0/mlflow/traces", json.dumps({"trace": {"trace_info": info}}).encode(), {"Content-Type": "application/json"})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60).close()


def main():
    url, name = sys.argv[1:]
    out, sys.stdout = sys.stdout, sys.stderr
    mlflow.set_tracking_uri(url)
    experiment = mlflow.create_experiment(name)
    root = agent(experiment)
    scores(root.trace_id, root.span_id)
    linked(experiment, root)
    previews(url, experiment)
    broken = mlflow.start_span_no_context("broken", experiment_id=experiment)
    broken.end()
    keys = [c for c in placed if c.endswith("-key@example.com")]
    print(json.dumps({"experiment": experiment, "canaries": placed, "keys": keys, "spans": 6, "broken": broken.trace_id}), file=out, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
