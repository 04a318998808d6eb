"""Writes traces with every feature to a server, with the MLflow 2.x client of the environment it runs in (2.14 to 2.22).

    PYTHON generate_v2.py URL [--into EXPERIMENT] [--prefix wide] [--count 0] [--small]

The counterpart of generate_v3.py: same options, same output, the same labels where a 2.x client can make such a trace. There are no
assessments on an open-source server of that time. A 2.x client does not take start times, so --count spreads by the clock.
"""

import argparse
import json
import os
import sys
import time

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("LOGNAME", "tester")  # becomes mlflow.user
sys.argv[0] = "generate.py"  # becomes mlflow.source.name
os.chdir("/")  # MLflow records the commit of the repository it runs in

import mlflow  # noqa: E402
from features import ATTRIBUTES, BY_TYPE, HUGE, NOT_FINITE, SPAN_TYPES, UNICODE, nested  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import SpanEvent, SpanStatus, SpanStatusCode  # noqa: E402

MESSAGES = [{"role": "user", "content": "How tall is the lighthouse?"}, {"role": "assistant", "content": "41 metres."}]
HISTORIC = 1_700_000_000_123_456_789
STACK = 'Traceback (most recent call last):\n  File "agent/tools.py", line 3, in boom\nValueError: bad value\n'


class Generator:
    def __init__(self, url, experiment, small=False):
        self.small, self.experiment, self.client = small, experiment, MlflowClient(url)
        self.traces, self.notes = {}, []

    def attempt(self, label, make):
        try:
            make()
        except Exception as e:
            self.notes.append(f"{label}: {type(e).__name__}: {str(e)[:200]}")

    def start(self, name, **more):
        more.setdefault("experiment_id", self.experiment)
        root = self.client.start_trace(name, **more)
        if "NO_OP" in root.request_id:
            raise ValueError(f"the client made no trace for {name}")
        return root

    def child(self, parent, name, outputs=None, event=None, status="OK", **more):
        span = self.client.start_span(name, request_id=parent.request_id, parent_id=parent.span_id, **more)
        if event:
            span.add_event(event)
        self.client.end_span(parent.request_id, span.span_id, outputs=outputs, status=status)
        return span

    def simple(self, label, name=None, outputs=None, **more):
        root = self.start(name or label, **more)
        self.client.end_trace(root.request_id, outputs=outputs)
        self.traces[label] = root.request_id

    def every_kind(self):
        root = self.start(
            "every-kind", span_type="AGENT", inputs={"question": "How tall is the lighthouse?"}, attributes=ATTRIBUTES,
            tags={"team": "lab", "unicode.tag": "значение ✓"},
        )  # fmt: skip
        for kind in SPAN_TYPES:
            inputs, outputs, attributes = BY_TYPE.get(kind, ({"kind": kind}, {"ok": True}, {}))
            attributes = dict(attributes)
            if kind == "CHAT_MODEL":
                attributes["mlflow.chat.messages"] = MESSAGES
            event = None
            if kind == "TOOL":
                event = SpanEvent("progress", attributes={"percent": 50, "note": "half", "flag": True, "list": ["a", "b"]})
            self.child(root, f"span {kind}", outputs, event, span_type=kind, inputs=inputs, attributes=attributes)
        self.client.end_trace(root.request_id, outputs={"answer": "41 metres."})
        self.traces["every_kind"] = root.request_id

    def failures(self):
        root = self.start("error", inputs={"x": 1})
        values = {"exception.type": "ValueError", "exception.message": "bad value: 'é' \"q\"", "exception.stacktrace": STACK}
        status = SpanStatus(SpanStatusCode.ERROR, "ValueError: bad value")
        self.child(root, "boom", event=SpanEvent("exception", timestamp=HISTORIC, attributes=values), status=status, span_type="TOOL")
        self.client.end_trace(root.request_id, status="ERROR")
        self.traces["error"] = root.request_id

    def values(self):
        self.simple("unicode", "unicode – 日本語 🚀", inputs=UNICODE, attributes={"ключ": "значение"}, outputs="ответ ✓ <b>&amp;</b>", tags={"emoji": "🚀 ü"})
        self.simple("null_io")
        root = self.start("explicit null")
        root.set_inputs(None)
        root.set_outputs(None)
        self.client.end_trace(root.request_id)
        self.traces["explicit_null_io"] = root.request_id
        self.simple("not_finite", inputs=NOT_FINITE, outputs=[float("nan")])
        self.simple("huge_int_io", inputs=HUGE, outputs=2**70)
        self.simple("huge_int_attribute", attributes={"huge": 2**70, "fine": 1})
        self.simple("falsy_io", inputs={}, outputs="", attributes={"zero": 0, "no": False})
        if self.small:
            return
        self.simple("long_io", inputs={"text": "x" * 1500}, outputs="é" * 300_000)
        self.attempt("many_attributes", lambda: self.simple("many_attributes", attributes={f"attribute.{i:04d}": i for i in range(500)}))
        for depth in (22, 23, 24, 25, 31, 32, 33, 100, 300):
            self.attempt(f"depth_{depth}", lambda d=depth: self.simple(f"depth_{d}", inputs={"v": nested(d - 1)}, attributes={"nested": nested(d)}))

    def shapes(self):
        if self.small:
            return
        root = self.start("wide")
        for i in range(150):
            self.child(root, f"child {i}", i, inputs={"i": i})
        self.client.end_trace(root.request_id)
        self.traces["wide"] = root.request_id
        root = span = self.start("chain 0")
        open_spans = []
        for i in range(1, 40):
            span = self.client.start_span(f"chain {i}", request_id=root.request_id, parent_id=span.span_id)
            open_spans.append(span)
        for span in reversed(open_spans):
            self.client.end_span(root.request_id, span.span_id)
        self.client.end_trace(root.request_id)
        self.traces["chain"] = root.request_id

    def unfinished(self):
        root = self.start("in progress", inputs={"x": 1})
        self.child(root, "done child", 1)
        self.traces["in_progress"] = root.request_id

    def runs(self):
        mlflow.set_experiment(experiment_id=self.experiment)

        @mlflow.trace(name="traced function", span_type="CHAIN", attributes={"a": 1})
        def add(a, b=2, *, c=None):
            return a + b

        with mlflow.start_run():
            add(1)
        getters = [getattr(mlflow, n) for n in ("get_last_active_trace_id", "get_last_active_trace") if hasattr(mlflow, n)]
        last = getters[0]()
        self.traces["with_run"] = last if isinstance(last, str) else last.info.request_id


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--into")
    parser.add_argument("--prefix", default="wide")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    out, sys.stdout = sys.stdout, sys.stderr  # the client prints links to its pages
    mlflow.set_tracking_uri(options.url)
    client = MlflowClient(options.url)
    if options.into:
        experiments = {options.into: client.get_experiment_by_name(options.into).experiment_id}
    else:
        experiments = {name: client.create_experiment(name) for name in (options.prefix, *(f"{options.prefix}-{n}" for n in ("second", "empty", "deleted")))}
    first, *others = experiments.values()
    g = Generator(options.url, first, options.small)
    for make in (g.every_kind, g.failures, g.values, g.shapes, g.unfinished, g.runs):
        g.attempt(make.__name__, make)
    for i in range(options.count):
        root = g.start(f"many {i % 10}", inputs={"i": i})
        client.end_trace(root.request_id, outputs={"i": i})
    if others:
        g.simple("second", experiment_id=others[0], inputs={"other": "experiment"}, outputs=1)
        g.simple("deleted_1", experiment_id=others[2])
        client.delete_experiment(others[2])
    time.sleep(2)  # the exporter finishes in a thread
    summary = {"client_version": mlflow.__version__, "experiments": experiments, "traces": g.traces, "assessments": {}, "notes": g.notes}
    print(json.dumps(summary, ensure_ascii=False, indent=1), file=out)
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
