"""Writes traces with every feature to a server, with the MLflow 3.x client of the environment it runs in.

    PYTHON generate_v3.py URL [--into EXPERIMENT] [--prefix wide] [--count 0] [--small]
    PYTHON generate_v3.py databricks --into EXPERIMENT [--location CATALOG.SCHEMA.PREFIX] …

URL is a server (server.py), or the word databricks: the workspace of DATABRICKS_HOST and DATABRICKS_TOKEN; --location is where the experiment's traces lie. Without --into it makes the experiments PREFIX (all features), PREFIX-second (a few traces), PREFIX-empty and
PREFIX-deleted (deleted, two traces in it). With --into all features go to that existing experiment and no other is made.
--count adds that many small traces to the first experiment, seven to a millisecond, for paging. --small leaves out what is deep, wide or long.

Prints one JSON object: {"client_version", "experiments": {name: id}, "traces": {label: trace id}, "assessments": {name: id}, "notes": [what this
version refused]}. Labels are the keyword of the function that makes the trace; generators of other versions use the same ones.
"""

import argparse
import inspect
import json
import os
import sys
import time
import urllib.request

os.environ.setdefault("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # some traces can only fail
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("LOGNAME", "tester")  # becomes mlflow.user
sys.argv[0] = "generate.py"  # becomes mlflow.source.name
os.chdir("/")  # MLflow records the commit of the repository it runs in

import mlflow  # noqa: E402
from features import ATTRIBUTES, BY_TYPE, HUGE, NOT_FINITE, ODD_TEXTS, SPAN_TYPES, UNICODE, nested, nested_text  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import AssessmentSource, Expectation, Feedback, SpanEvent, SpanStatus, SpanStatusCode  # noqa: E402

MS = 1_000_000
HISTORIC = 1_700_000_000_123_456_789  # 2023-11-14T22:13:20.123456789Z
STACK = 'Traceback (most recent call last):\n  File "agent/tools.py", line 3, in boom\nValueError: bad value\n'


class Generator:
    def __init__(self, url, experiment, small=False, location=None):
        self.small, self.url, self.experiment, self.client = small, url, experiment, MlflowClient(url)
        self.location, self.token = location, None
        if url == "databricks":
            self.url, self.token = os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"]
        self.traces, self.assessments, self.notes = {}, {}, []

    def attempt(self, label, make):
        """Runs make(); what this version can't do is noted, not fatal."""
        try:
            return make()
        except Exception as e:
            self.notes.append(f"{label}: {type(e).__name__}: {str(e)[:200]}")
            return None

    def start(self, name, parent=None, metadata=None, **more):
        """A live span. Metadata of the trace needs another way on clients before 3.2."""
        more.update({"parent_span": parent} if parent else {"experiment_id": more.pop("experiment", self.experiment)})
        if metadata and "metadata" in inspect.signature(mlflow.start_span_no_context).parameters:
            return mlflow.start_span_no_context(name, metadata=metadata, **more)
        span = mlflow.start_span_no_context(name, **more)
        if metadata:
            from mlflow.tracing.trace_manager import InMemoryTraceManager

            with InMemoryTraceManager.get_instance().get_trace(span.trace_id) as trace:
                getattr(trace, "info", getattr(trace, "trace", trace)).trace_metadata.update(metadata)
        return span

    def simple(self, label, name=None, outputs=None, **more):
        """A trace of one span."""
        self.traces[label] = None
        span = self.start(name or label, **more)
        span.end(outputs=outputs) if outputs is not None else span.end()
        if not span.trace_id or "NO_OP" in span.trace_id:
            del self.traces[label]
            raise ValueError(f"the client made no trace for {label}")
        self.traces[label] = span.trace_id
        return span

    # --- traces by the client

    def every_kind(self):
        root = self.start(
            "every-kind", span_type="AGENT", inputs={"question": "How tall is the lighthouse?"}, attributes=ATTRIBUTES,
            tags={"team": "lab", "unicode.tag": "значение ✓", "long.tag": "t" * 5000, "empty": ""},
            metadata={"mlflow.trace.session": "session-1", "mlflow.trace.user": "user-1", "custom.meta": "m", "long.meta": "m" * 300},
        )  # fmt: skip
        for kind in SPAN_TYPES:
            inputs, outputs, attributes = BY_TYPE.get(kind, ({"kind": kind}, {"ok": True}, {}))
            span = self.start(f"span {kind}", root, span_type=kind, inputs=inputs, attributes=attributes)
            if kind == "TOOL":
                span.add_event(SpanEvent("progress", attributes={"percent": 50, "note": "half", "flag": True, "list": ["a", "b"], "ratio": 0.5}))
                span.add_event(SpanEvent("progress", timestamp=HISTORIC, attributes={}))
                self.retriever = span.span_id
            span.end(outputs=outputs)
        root.end(outputs={"answer": "41 metres."})
        self.traces["every_kind"] = root.trace_id

    def failures(self):
        root = self.start("error", inputs={"x": 1})
        child = self.start("boom", root, span_type="TOOL")
        values = {"exception.type": "ValueError", "exception.message": "bad value: 'é' \"q\"", "exception.stacktrace": STACK}
        child.add_event(SpanEvent("exception", attributes=values))
        child.end(status=SpanStatus(SpanStatusCode.ERROR, "ValueError: bad value: 'é' \"q\""))
        root.end(status="ERROR")
        self.traces["error"] = root.trace_id
        root = self.start("error in a child only")
        self.start("boom", root).end(status="ERROR")
        root.end()
        self.traces["error_child"] = root.trace_id

    def values(self):
        self.simple("unicode", "unicode – 日本語 🚀", inputs=UNICODE, attributes={"ключ": "значение", "имя с пробелом": [UNICODE]}, outputs="ответ ✓ <b>&amp;</b>", tags={"🚀": "ü"})
        self.simple("null_io")
        span = self.start("explicit null", inputs=None)
        span.set_inputs(None)
        span.set_outputs(None)
        span.end()
        self.traces["explicit_null_io"] = span.trace_id
        self.simple("not_finite", inputs=NOT_FINITE, outputs=[float("nan")])
        self.simple("huge_int_io", inputs=HUGE, outputs=2**70)
        self.simple("huge_int_attribute", attributes={"huge": 2**70, "fine": 1})
        self.simple("falsy_io", inputs=0, outputs="", attributes={"zero": 0, "no": False})
        if self.small:
            return
        self.simple("long_io", inputs={"text": "x" * 1500}, outputs="é" * 300_000)
        self.attempt("many_attributes", lambda: self.simple("many_attributes", attributes={f"attribute.{i:04d}": i for i in range(500)}))
        self.simple("same_names", "same", inputs="same")
        for depth in (22, 23, 24, 25, 31, 32, 33, 100):
            self.attempt(f"depth_{depth}", lambda d=depth: self.simple(f"depth_{d}", inputs=nested(d), attributes={"nested": nested(d), "next": 1}))
        self.attempt("depth_huge", lambda: self.simple("depth_huge", inputs=nested(24, 2**70), outputs=nested(30, {"n": 2**64})))

    def shapes(self):
        if self.small:
            return
        root = self.start("wide")
        for i in range(150):
            self.start(f"child {i}", root, inputs=i).end(outputs=i)
        root.end()
        self.traces["wide"] = root.trace_id
        spans = [self.start("chain 0")]
        for i in range(1, 40):
            spans.append(self.start(f"chain {i}", spans[-1]))
        for span in reversed(spans):
            span.end()
        self.traces["chain"] = spans[0].trace_id

    def times(self):
        root = self.start("historic", start_time_ns=HISTORIC, inputs=1)
        self.start("child", root, start_time_ns=HISTORIC + 1111).end(end_time_ns=HISTORIC + 2_500_222)
        root.end(end_time_ns=HISTORIC + 5_500_333, outputs=2)
        self.traces["historic"] = root.trace_id
        for label, length in (("sub_ms", 999), ("zero_length", 0), ("across_ms", 2), ("backwards", -5 * MS)):
            start = HISTORIC // MS * MS - 1
            span = self.start(label, start_time_ns=start)
            span.end(end_time_ns=start + length)
            self.traces[label] = span.trace_id
        for i in range(3):
            span = self.start(f"tie {i}", start_time_ns=HISTORIC + 1000 * MS)
            span.end(end_time_ns=HISTORIC + 1001 * MS)
            self.traces[f"tie_{i}"] = span.trace_id

    def unfinished(self):
        root = self.start("in progress", inputs={"x": 1})
        self.start("done child", root).end(outputs=1)
        self.traces["in_progress"] = root.trace_id
        self.open = root  # the client must not lose it before the process ends

    def runs(self):
        run = mlflow.start_run(experiment_id=self.experiment)

        @mlflow.trace(name="traced function", span_type="CHAIN", attributes={"a": 1})
        def add(a, b=2, *, c=None):
            return a + b

        add(1)
        mlflow.end_run()
        self.run = run.info.run_id
        self.traces["with_run"] = mlflow.get_last_active_trace_id()

    def links(self):
        from mlflow.entities import Link

        link = Link(trace_id=self.traces["every_kind"], span_id="00000000000000ab", attributes={"why": "test", "n": 1})
        self.simple("links", links=[link, Link(trace_id=self.traces["error"], span_id="ffffffffffffffff")])

    def attachment(self):
        from mlflow.tracing.attachments import Attachment

        image = Attachment(content_type="image/png", content_bytes=b"\x89PNG\r\n\x1a\n0123")
        self.simple("attachment", inputs={"image": image, "uri": "data:text/plain;base64,aGVsbG8="}, outputs={"ok": 1})

    # --- traces by HTTP

    def post(self, path, body, headers):
        request = urllib.request.Request(self.url + path, body, headers)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        user = os.environ.get("MLFLOW_TRACKING_USERNAME")
        if user:
            import base64

            secret = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}".encode()
            request.add_header("Authorization", "Basic " + base64.b64encode(secret).decode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def info_only(self, label, trace_id):
        info = {
            "trace_id": trace_id, "client_request_id": f"client {label}", "request_time": "2021-03-04T05:06:07.891Z", "execution_duration": "1.234s", "state": "OK",
            "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.experiment}},
            "request_preview": "asked", "response_preview": "answered", "trace_metadata": {"k": "v"}, "tags": {"mlflow.traceName": label, "t": "1"},
        }  # fmt: skip
        self.post("/api/3.0/mlflow/traces", json.dumps({"trace": {"trace_info": info}}).encode(), {"Content-Type": "application/json"})
        self.traces[label] = trace_id

    def otlp(self, label, spans, resource=None):
        """Sends spans as protobuf; each is a dict of name, id, parent, start, end, attributes, events, links, status."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
        from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

        def value(v):
            out = AnyValue()
            if isinstance(v, (list, tuple)):
                out.array_value.SetInParent()
                out.array_value.values.extend(map(value, v))
            elif isinstance(v, dict):
                out.kvlist_value.SetInParent()
                out.kvlist_value.values.extend(pairs(v))
            elif v is not None:
                setattr(out, {bool: "bool_value", int: "int_value", float: "double_value", bytes: "bytes_value"}.get(type(v), "string_value"), v)
            return out

        def pairs(values):
            return [KeyValue(key=k, value=value(v)) for k, v in values.items()]

        trace_id = os.urandom(16)
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        group.resource.attributes.extend(pairs(resource or {"service.name": "lab"}))
        scope = group.scope_spans.add()
        scope.scope.name, scope.scope.version = "lab", "1"
        for given in spans:
            span = scope.spans.add(trace_id=trace_id, span_id=given["id"].to_bytes(8, "big"), name=given.get("name", "otlp"), kind=2)
            span.parent_span_id = given["parent"].to_bytes(8, "big") if "parent" in given else b""
            span.start_time_unix_nano = given.get("start", HISTORIC)
            span.end_time_unix_nano = given.get("end", HISTORIC + 5 * MS)
            span.attributes.extend(pairs(given.get("attributes", {})))
            if "status" in given:
                span.status.code, span.status.message = given["status"]
            for at, name, values in given.get("events", ()):
                span.events.add(time_unix_nano=at, name=name).attributes.extend(pairs(values))
            for to, id, values in given.get("links", ()):
                span.links.add(trace_id=to, span_id=id).attributes.extend(pairs(values))
        if self.location:
            headers = {"Content-Type": "application/x-protobuf", "X-Databricks-UC-Table-Name": f"{self.location}_otel_spans"}
            self.post("/api/2.0/otel/v1/traces", request.SerializeToString(), headers)
            self.traces[label] = f"trace:/{self.location}/{trace_id.hex()}"
            return
        self.post("/v1/traces", request.SerializeToString(), {"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": str(self.experiment)})
        self.traces[label] = "tr-" + trace_id.hex()

    def by_otlp(self):
        chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
        agent = {
            "mlflow.spanType": "AGENT", "mlflow.spanInputs": '{"q":"hi"}', "mlflow.spanOutputs": "plain text", "n": 7, "d": 1.5, "b": True, "bytes": b"\x00\x01\x02",
            "list": [1, "a"], "object": {"k": {"n": 1}}, "session.id": "S1", "user.id": "U1", "mlflow.traceTag.mytag": "tv",
        }  # fmt: skip
        plans = {
            "otlp_genai": [
                {"id": 1, "name": "root", "attributes": agent, "status": (2, "oops"), "events": [(HISTORIC + 1000, "event", {"k": "v", "n": 1})], "links": [(b"\x01" * 16, b"\x02" * 8, {"why": "x"})]},
                {"id": 2, "parent": 1, "name": "chat gpt-4o-mini", "start": HISTORIC + 1000, "end": HISTORIC + 2 * MS, "attributes": chat},
            ],
            "otlp_orphans": [{"id": 3}, {"id": 4, "start": HISTORIC + 5}, {"id": 5, "parent": 99, "start": HISTORIC + 7}],
            "otlp_open_end": [{"id": 6, "end": 0}],
            "otlp_odd_texts": [{"id": 7, "attributes": {**ODD_TEXTS, "mlflow.spanInputs": ODD_TEXTS["duplicate.keys"], "mlflow.spanOutputs": ODD_TEXTS["huge"]}}],
        }  # fmt: skip
        for depth in (24, 33) if self.small else (24, 25, 32, 33, 100, 10_000):
            plans[f"otlp_depth_{depth}"] = [{"id": depth, "attributes": {"mlflow.spanInputs": nested_text(depth), "next": "1"}}]
        for label, spans in plans.items():
            self.attempt(label, lambda a=label, b=spans: self.otlp(a, b, {"service.name": "lab", "deployment.environment": "test", "n": 7}))

    # --- assessments

    def score(self, name, value=None, *, kind=Feedback, source=("HUMAN", "ann@example.com"), trace=None, **more):
        trace = trace or self.traces["every_kind"]
        made = kind(name=name, value=value, source=AssessmentSource(*source), **more)
        logged = self.attempt(name, lambda: mlflow.log_assessment(trace, made))
        if logged:
            self.assessments[name] = logged.assessment_id
        return logged

    def scores(self):
        from mlflow.entities import AssessmentError
        judge = ("LLM_JUDGE", "openai:/gpt-4o")
        self.score("bool", True, rationale="looks right ✓", metadata={"k": "v", "mlflow.assessment.sourceRunId": self.run})
        values = {"false": False, "int": 5, "float": 0.25, "huge": 1e300, "yes": "yes", "category": "да ✓", "empty": "", "none": None, "list": ["a", "b"], "numbers": [1, 2.5], "dict": {"b": "x", "a": 1, "c": True}, "nested": {"a": {"b": [1, None]}}, "numeric text": "5"}
        for name, value in values.items():
            self.score(name, value, source=judge if name in ("float", "yes") else ("CODE", "scorer.py"))
        self.score("error", error=AssessmentError("RATE_LIMIT", "too many", STACK), source=judge)
        self.score("name with spaces / ünï", 1, source=("CODE", ""))
        self.score("on span", 0.9, span_id=self.retriever, source=("CODE", "scorer.py"))
        self.score("back-dated", 1, create_time_ms=HISTORIC // MS, last_update_time_ms=HISTORIC // MS + 5)
        for name, value in {"ex text": "the answer", "ex number": 3, "ex bool": True, "ex list": ["f1", "f2"], "ex dict": {"k": [1, {"z": "ж"}]}}.items():
            self.score(name, value, kind=Expectation, metadata={"src": "label"})
        first = self.score("overridden", "good")
        if first:
            self.score("overridden", "bad", overrides=first.assessment_id, rationale="on second thoughts", source=("HUMAN", "lead@example.com"))
        if "int" in self.assessments:
            self.attempt("update", lambda: mlflow.update_assessment(self.traces["every_kind"], self.assessments["int"], Feedback(name="int", value=4, rationale="changed")))
        self.score("same name", 1)
        self.score("same name", 0, source=judge)
        self.score("on a failed trace", False, trace=self.traces["error"])
        self.attempt("issue", lambda: self.issue(judge))
        self.attempt("late tag", lambda: mlflow.set_trace_tag(self.traces["every_kind"], "late.tag", "added later"))

    def issue(self, judge):
        from mlflow.entities.assessment import IssueReference

        reference = IssueReference(issue_id="iss-1", issue_name="hallucination", source=AssessmentSource(*judge))
        self.assessments["issue"] = mlflow.log_assessment(self.traces["every_kind"], reference).assessment_id


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--into")
    parser.add_argument("--prefix", default="wide")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--location")
    options = parser.parse_args()
    out, sys.stdout = sys.stdout, sys.stderr  # the client prints links to its pages
    mlflow.set_tracking_uri(options.url)
    client = MlflowClient(options.url)
    if options.into:
        experiments = {options.into: client.get_experiment_by_name(options.into).experiment_id}
    else:
        experiments = {name: client.create_experiment(name) for name in (options.prefix, *(f"{options.prefix}-{n}" for n in ("second", "empty", "deleted")))}
    first, *others = experiments.values()
    if options.location:
        mlflow.set_experiment(options.into)  # or the client would write to the experiment itself
    g = Generator(options.url, first, options.small, options.location)
    for make in (g.every_kind, g.failures, g.values, g.shapes, g.times, g.unfinished, g.runs, g.links, g.attachment, g.by_otlp, g.scores):
        g.attempt(make.__name__, make)
    g.attempt("info_only", lambda: g.info_only("info_only", "tr-" + os.urandom(16).hex()))
    g.attempt("info_free_id", lambda: g.info_only("info_free_id", f"my custom id/ü {first}"))
    for i in range(options.count):
        start = HISTORIC + 86_400_000 * MS + i // 7 * MS + i
        g.start(f"many {i % 10}", start_time_ns=start, inputs=i).end(end_time_ns=start + i * 1000, outputs={"i": i})
    if others:
        g.simple("second", experiment=others[0], inputs="other experiment", outputs=1)
        g.simple("second_later", experiment=others[0], inputs="again")
        g.simple("deleted_1", experiment=others[2])
        g.simple("deleted_2", experiment=others[2])
        client.delete_experiment(others[2])
    time.sleep(1)  # old exporters finish in a thread
    print(json.dumps({"client_version": mlflow.__version__, "experiments": experiments, "traces": g.traces, "assessments": g.assessments, "notes": g.notes}, ensure_ascii=False, indent=1), file=out)
    out.flush()
    os._exit(0)  # the open trace would be waited for


if __name__ == "__main__":
    main()
