"""Adds traces with every kind of text and score to a SQLite store of MLflow 3.17.2, quickly: 2,000 in a few seconds.

    PYTHON scored_store.py N DB        with the 3.17.2 environment; DB is made if it isn't there

The traces are in the experiment `scored`. MLflow's own store writes them (SqlAlchemyStore.log_spans, many traces to a call, and its rows for
assessments), with its own encoding of values; only client and server are left out, which read them. The same N gives the same traces.

Inputs and outputs are strings, numbers, lists, objects and nothing; text in many scripts, long, full of escapes, looking like JSON or like a
special token; NaN and infinities, large integers, any float; and JSON text as other clients write it. Feedback has values of every type that becomes
a number and of every type that doesn't, on traces and spans, several of a name, taken back, overridden, with names of all kinds; expectations
and issues lie between.

Prints {"path", "experiment", "traces", "spans", "assessments"}.
"""

import base64
import json
import math
import os
import random
import struct
import sys

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", LOGNAME="scored")

from mlflow.entities import AssessmentSource, Expectation, Feedback, Span  # noqa: E402
from mlflow.entities.assessment import AssessmentError, IssueReference  # noqa: E402
from mlflow.store.tracking.dbmodels.models import SqlAssessments  # noqa: E402
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: E402
from mlflow.tracing.utils import dump_span_attribute_value as dumped  # noqa: E402

MS = 1_000_000
BEGIN = 1_775_000_000_000 * MS  # 2026-03-31
BATCH = 200  # traces to a transaction

WORDS = (
    "the order has been shipped and should arrive on Tuesday; please don't call us before noon, we'll be closed: refund of 12.50 € is under way. "
    "Die Lieferung verzögert sich leider um zwei Tage, bitte haben Sie Geduld. Le colis est arrivé à l'entrepôt, n'est-ce pas? El envío está en camino señora. "
    "Посылка уже отправлена, ожидайте курьера. 荷物は 明日 届く予定です。 包裹 已经 寄出 请 耐心 等待。 배송이 시작되었습니다. الطرد في الطريق إليك. המשלוח בדרך. พัสดุ กำลัง เดินทาง "
    "👩‍👩‍👧 🇪🇺 🚀 e\u0301 ﬁ İı ß ǅ Ω K \u200b\ufeff def f(x):\n\treturn x[0] + 1 SELECT * FROM orders WHERE id='TO-70374'; http://example.com/a?b=c&d=1 <b>&amp;</b> {\"a\": [1, 2]} "
    "<|endoftext|> <|im_start|> 0x1F600 1234567890 3.14159 1e-7 --- ... !!! \u2028 \u0000 \u0001 \u007f \\ \" ' ` \r\n \n\n \t   ſ's I'LL"
).split(" ")
ALONE = [
    "", " ", "\n", "null", "true", "12", "NaN", "{}", "[]", '{"a": 1}', '{"a":1}', '"quoted"', "'", "\\", "<|endoftext|>", "\ufeffbom", "a" * 5000, " " * 3000, "\r\n" * 1500, "日" * 2000, "🚀" * 700, "é" * 4000,
    "=" * 3000, "1" * 4000, "'s" * 500, "\u0301" * 900, "ab" * 3000, "Aa" * 3000, "-_" * 2000, "\t" * 999, "0" * 17, "don't DON'T I'd",
]  # fmt: skip
ODD_VALUES = [
    0, -0.0, 1, -7, 2**53 + 1, 2**63 - 1, -(2**63), 0.1, 1e22, 1e16, 123456789012345680.0, 1e-5, 0.0001, 5e-324, 1.7976931348623157e308, math.nan, math.inf, -math.inf, True, False, None,
    [], {}, [[]], [{}], {"": ""}, [None, math.nan, [1.5, {"x": -math.inf}]], {"a": None}, {"k": {"n": 2**62}}, {"list": [-1, 1.0]},
]  # fmt: skip
HUGE = [2**70, -(2**100), {"k": {"n": 2**64}}, {"list": [2**63, -1, 1.0]}]  # a server can't answer for traces that have them, so there are few
# Texts that only producers other than MLflow's Python client write as the value of an attribute. None of them has half a surrogate pair: UTF-8 can't hold it.
OTHER_TEXTS = [
    '{"a":[1,2],"b":{"c":null}}', '{"a": 1, "b": 2, "a": 3}', "[1.50, 1E5, -0, -0.0, 0.1e-7, 1e400]", '"\\u00e9\\ud83d\\ude80\\/"', ' {"a" : 1 } ', '"{\\"a\\": 1}"', "[ ]", '"\\u0041\\n"', "-Infinity",
]  # fmt: skip
NAMES = [
    "relevance", "Relevance", "groundedness", "retrieval/precision", "retrieval precision", "naïve bayes", "p95.latency(ms)", "answer_length", "is-safe?", "__x__", "日本語", "評価 1", "cafe\u0301", "caf\u00e9", "SAFETY", "safety",
    "a" * 64, "a" * 65, "A" * 65, "long name " * 12, "ünï ", "1", "tone:friendly", "x/y/z", "correct", "helpful", "toxicity", "🚀", "user rating", "pass_rate", "ſs", "Kelvin",
]  # fmt: skip
SCORES = [
    True, False, 0, 1, 5, -3, 0.0, 0.5, -0.25, 1e300, 5e-324, 1e-2, "yes", "no", "Yes", "NO", " yes ", "true", "False", "pass", "fail", "PASSED", "failed", "0.85", "-3", "+3", "1e-2", ".5", "5.", " 7 ", "007", "1E5",
    "85%", "4/5", "1,000", "0x10", "inf", "nan", "-Infinity", "1_000", ".", "e5", "1e", "--1", "1e400", "\u0661\u0662", "unknown", "good", "", "yes, mostly", "y" * 200, " " * 130 + "yes", None, [1], ["yes"], {"score": 1}, {"value": 0.5}, [],
]  # fmt: skip
MODELS = ["gpt-4o-mini", "gpt-4o-mini", "gpt-4", "gpt-5.1", "gpt-oss-20b", "o3-mini", "text-davinci-003", "claude-sonnet-4-5", "llama-3", None]


def encoded(digits):
    """An id as MLflow's documents have it."""
    return digits and base64.b64encode(bytes.fromhex(digits)).decode()


class Maker:
    def __init__(self, seed):
        self.rnd = random.Random(seed)

    def chance(self, one_in):
        return self.rnd.randrange(one_in) == 0

    def string(self, words=40):
        if self.chance(9):
            return self.rnd.choice(ALONE)
        if self.chance(12):  # code points from everywhere
            points = (self.rnd.choice((0x7F, 0x24F, 0x7FF, 0xD7FF, 0x1FFFF)) for _ in range(self.rnd.randrange(40)))
            return "".join(chr(self.rnd.randrange(p)) for p in points).translate(dict.fromkeys(range(0xD800, 0xE000), "?"))
        joint = self.rnd.choice((" ", " ", " ", "", "\n", "  "))
        return joint.join(self.rnd.choice(WORDS) for _ in range(self.rnd.randrange(words)))

    def value(self, depth=0):
        kind = self.rnd.randrange(10)
        if kind < 4 or depth > 6:
            return self.string()
        if kind == 4:
            return self.rnd.choice(ODD_VALUES)
        if kind == 5:
            return struct.unpack("d", self.rnd.randbytes(8))[0]
        if kind < 8:
            return {self.string(4): self.value(depth + 1) for _ in range(self.rnd.randrange(5))}
        return [self.value(depth + 1) for _ in range(self.rnd.randrange(5))]

    def text(self, n):
        """The value of inputs or outputs as the store holds it, None for none at all."""
        if self.chance(25):
            return None
        if self.chance(40):
            return self.rnd.choice(OTHER_TEXTS)
        if n % 400 == 3:
            return dumped(self.rnd.choice(HUGE))
        if n % 250 == 7:
            return dumped({"question": " ".join(self.rnd.choice(WORDS) for _ in range(8_000))})
        if self.chance(3):
            return dumped({"question": self.string(), "language": "de", "history": [self.string(20) for _ in range(self.rnd.randrange(3))]})
        return dumped(self.value())

    def trace(self, n):
        """The spans of a trace, topmost first, and its assessments."""
        trace_id = self.rnd.randbytes(16).hex()
        ids = [self.rnd.randbytes(8).hex() for _ in range(1 + self.rnd.randrange(4))]
        model = self.rnd.choice(MODELS)
        spans = []
        for k, span_id in enumerate(ids):
            kind = "AGENT" if k == 0 else self.rnd.choice(("CHAT_MODEL", "TOOL", "LLM", "RETRIEVER"))
            attributes = {"mlflow.traceRequestId": dumped("tr-" + trace_id), "mlflow.spanType": dumped(kind)}
            if kind in ("CHAT_MODEL", "LLM") and model:
                attributes["mlflow.llm.model"] = dumped(self.rnd.choice(MODELS[:8]) if self.chance(6) else model)
            for key in ("mlflow.spanInputs", "mlflow.spanOutputs"):
                if (text := self.text(n)) is not None:
                    attributes[key] = text
            parent = None if k == 0 else self.rnd.choice(ids[:k])
            start = BEGIN + n * 37 * MS + k * MS
            times = {"start_time_unix_nano": start, "end_time_unix_nano": start + (40 - k) * MS}
            identity = {"trace_id": encoded(trace_id), "span_id": encoded(span_id), "parent_span_id": encoded(parent)}
            spans.append(Span.from_dict({**identity, "name": f"{kind} {k}", "status": {"code": "STATUS_CODE_OK"}, "attributes": attributes, **times}))
        return spans, list(self.assessments("tr-" + trace_id, ids, BEGIN // MS + n * 37))

    def assessments(self, trace_id, ids, at):
        made = []
        for k in range(self.rnd.randrange(9)):
            more = {"source": AssessmentSource(self.rnd.choice(("HUMAN", "LLM_JUDGE", "CODE")), "someone"), "trace_id": trace_id, "create_time_ms": at + k, "last_update_time_ms": at + self.rnd.randrange(4)}
            name, value = self.rnd.choice(NAMES), self.rnd.choice(SCORES)
            if self.chance(12):
                a = Expectation(name=name, value=self.rnd.choice((1, "yes", {"a": 1})), **more)
            elif self.chance(15):
                a = IssueReference(issue_id=f"issue-{k}", issue_name=name, **more)
            elif value is None:
                a = Feedback(name=name, error=AssessmentError("RATE_LIMIT", "too many"), **more)
            else:
                a = Feedback(name=name, value=value, **more)
                a.valid = not self.chance(10)
                if self.chance(4):
                    a.span_id = self.rnd.choice(ids)
                if made and self.chance(6):
                    a.overrides = self.rnd.choice(made).assessment_id
            a.assessment_id = "a-" + self.rnd.randbytes(16).hex()
            made.append(a)
            if made[-1].overrides and self.chance(2):  # what a server does; old ones did not
                next(m for m in made if m.assessment_id == made[-1].overrides).valid = False
        return made


def main():
    count, path = int(sys.argv[1]), os.path.abspath(sys.argv[2])
    out, sys.stdout = sys.stdout, sys.stderr
    store = SqlAlchemyStore("sqlite:///" + path, "mlflow-artifacts:/")
    experiment = store.create_experiment("scored")
    maker, total = Maker(2026), {"path": path, "experiment": experiment, "traces": count, "spans": 0, "assessments": 0}
    for begin in range(0, count, BATCH):
        traces = [maker.trace(n) for n in range(begin, min(begin + BATCH, count))]
        store.log_spans(experiment, [s for spans, _ in traces for s in spans])
        rows = []
        for spans, assessments in traces:
            for a in assessments:
                row = SqlAssessments.from_mlflow_entity(a)
                row.experiment_id, row.trace_timestamp_ms = int(experiment), spans[0].start_time_ns // MS
                rows.append(row)
            total["spans"] += len(spans)
        total["assessments"] += len(rows)
        with store.ManagedSessionMaker(read_only=False) as session:
            session.add_all(rows)
    print(json.dumps(total), file=out, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
