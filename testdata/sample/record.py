"""Records the sample store from a real MLflow 3.17.2 server.

    $(test/py/env.sh 3.17.2) testdata/sample/record.py

Starts a server in a temporary directory, lets MLflow's own client write scenario.py's history of a
support agent to it, stops it, and puts mlflow.db (compacted) and expected.jsonl.gz beside this file.

Texts, times, sessions, scores and the ids of traces and spans are the same in every recording (one random
seed). The ids of runs and assessments and the identity of the schema come from the server and differ.
Names that MLflow takes from the machine are given: user `support-bot`, source `support_bot.py`. Times that
the server sets itself (experiments, runs, an overridden assessment) are set to fixed ones afterwards.
"""

import gzip
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TEST_PY = os.path.join(HERE, "..", "..", "test", "py")
for name in [k for k in os.environ if k.startswith(("MLFLOW_", "OTEL_", "DATABRICKS_"))]:
    del os.environ[name]
os.environ.update(
    LOGNAME="support-bot",  # becomes mlflow.user
    MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false",
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_HTTP_REQUEST_MAX_RETRIES="2",
)
sys.path.insert(0, HERE)

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import (  # noqa: E402
    AssessmentError,
    AssessmentSource,
    Expectation,
    Feedback,
    Link,
    SpanEvent,
    SpanStatus,
    SpanStatusCode,
)
from mlflow.entities.assessment import IssueReference  # noqa: E402
from scenario import ARTICLES, CONVERSATIONS, EVALUATION, FAILURES, PRODUCTS, STATES, SYSTEM, TOOLS  # noqa: E402

START = 1_772_434_800_000_000_000  # 2026-03-02T07:00:00Z, a Monday
MS = 1_000_000
HOUR = 3_600_000 * MS
MODELS = {  # name: provider, US dollars per million tokens in and out
    "gpt-4o-mini": ("openai", 0.15, 0.60),
    "claude-sonnet-4-5": ("anthropic", 3.00, 15.00),
}
rnd = random.Random(20260302)


def tokens(text):
    return max(1, len(text.encode()) // 4)


class Turn:
    """One trace: a root span and a clock that runs as its children are added."""

    def __init__(self, experiment, name, start, inputs, *, metadata, tags, links=None, attributes=None):
        self.clock = start
        self.root = mlflow.start_span_no_context(
            name, span_type="AGENT", inputs=inputs, attributes=attributes or {}, metadata=metadata, tags=tags,
            experiment_id=experiment, start_time_ns=start, links=links,
        )  # fmt: skip
        self.id = self.root.trace_id
        self.spans = {}

    def child(self, name, kind, inputs, outputs, millis, *, parent=None, attributes=None, failure=None, events=()):
        self.clock += rnd.randrange(200_000, 4_000_000)
        span = mlflow.start_span_no_context(
            name, span_type=kind, parent_span=parent or self.root, inputs=inputs, attributes=attributes or {}, start_time_ns=self.clock
        )
        self.clock += millis * MS + rnd.randrange(MS)
        for event, values in events:
            span.add_event(SpanEvent(event, timestamp=self.clock - rnd.randrange(1, MS), attributes=values))
        if failure:
            kind, message, stack = failure
            values = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stack}
            span.add_event(SpanEvent("exception", timestamp=self.clock - 1, attributes=values))
            span.end(status=SpanStatus(SpanStatusCode.ERROR, f"{kind}: {message}"), end_time_ns=self.clock)
        else:
            span.end(outputs=outputs, end_time_ns=self.clock)
        self.spans.setdefault(name, span.span_id)
        return span

    def chat(self, name, model, messages, answer, calls=None):
        provider, price_in, price_out = MODELS[model]
        used_in = tokens(json.dumps(messages, ensure_ascii=False)) + (180 if calls is not None else 0)
        used_out = tokens((answer or "") + json.dumps(calls or "", ensure_ascii=False))
        usage = {"input_tokens": used_in, "output_tokens": used_out, "total_tokens": used_in + used_out}
        if used_in > 260:
            usage["cache_read_input_tokens"] = 128
        cost_in, cost_out = used_in * price_in / 1e6, used_out * price_out / 1e6
        inputs = {"model": model, "messages": messages, "temperature": 0.2}
        if provider == "openai":
            message = {"role": "assistant", "content": answer, "tool_calls": calls or None}
            finish = "tool_calls" if calls else "stop"
            outputs = {
                "id": f"chatcmpl-{rnd.getrandbits(40):010x}", "object": "chat.completion", "model": model,
                "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                "usage": {"prompt_tokens": used_in, "completion_tokens": used_out, "total_tokens": used_in + used_out},
            }  # fmt: skip
        else:
            inputs["max_tokens"] = 1024
            content = [{"type": "text", "text": answer}] if answer else []
            content += [{"type": "tool_use", "id": c["id"], "name": c["function"]["name"], "input": json.loads(c["function"]["arguments"])} for c in calls or ()]
            outputs = {
                "id": f"msg_{rnd.getrandbits(40):010x}", "type": "message", "role": "assistant", "model": model, "content": content,
                "stop_reason": "tool_use" if calls else "end_turn", "usage": {"input_tokens": used_in, "output_tokens": used_out},
            }  # fmt: skip
        attributes = {
            "model": model, "temperature": 0.2, "mlflow.message.format": provider,
            "mlflow.llm.model": model, "mlflow.llm.provider": provider, "mlflow.chat.tokenUsage": usage,
            "mlflow.llm.cost": {"input_cost": cost_in, "output_cost": cost_out, "total_cost": cost_in + cost_out},
        }  # fmt: skip
        if calls is not None and provider == "openai":
            attributes["mlflow.chat.tools"] = TOOLS[:1]
        self.child(name, "CHAT_MODEL", inputs, outputs, rnd.randrange(350, 2600), attributes=attributes)

    def retrieve(self, query, topic):
        vector = [round(rnd.uniform(-1, 1), 6) for _ in range(4)] + [1e-07, -0.0]
        self.child("embed_query", "EMBEDDING", query, vector, rnd.randrange(20, 90), attributes={"model": "embed-small-v2", "dimensions": 6})
        documents = [
            {"page_content": text, "metadata": {"doc_uri": f"https://help.example.com/{id}", "title": title, "score": round(0.93 - 0.17 * n - rnd.random() / 9, 4)}, "id": id}
            for n, (id, title, text) in enumerate(ARTICLES[topic])
        ]
        documents.append({"page_content": "", "metadata": {"doc_uri": "https://help.example.com/kb-000"}, "id": None})
        self.child("search_help_center", "RETRIEVER", {"query": query, "top_k": 3}, documents, rnd.randrange(15, 180), attributes={"cached": rnd.random() < 0.3})
        return documents

    def end(self, outputs, failed=False):
        self.clock += rnd.randrange(100_000, 2_000_000)
        self.root.end(outputs=outputs, status="ERROR" if failed else "OK", end_time_ns=self.clock)


def score(trace, at, name, value=None, *, source="CODE:checks.py", kind=Feedback, **more):
    """Logs one assessment with its time set; returns it."""
    source_type, _, source_id = source.partition(":")
    if kind is Feedback:
        more.setdefault("error", None)
    return mlflow.log_assessment(
        trace, kind(name=name, value=value, source=AssessmentSource(source_type, source_id), create_time_ms=at // MS, last_update_time_ms=at // MS, **more)
    )  # fmt: skip


def score_turn(number, turn, answer, language, failed):
    """The scores of everyday traffic: checks by code on each trace, judges on most, people on some."""
    at = turn.clock + 2000 * MS
    if number % 2:
        score(turn.id, at, "answer_length", len(answer))
    else:
        score(turn.id, at, "latency_ok", turn.clock - turn.root.start_time_ns < 4000 * MS, rationale="limit 4 s")
    if "search_help_center" in turn.spans:
        score(turn.id, at, "retrieval_precision", round(rnd.randrange(0, 4) / 3, 3), span_id=turn.spans["search_help_center"])
    judge = {"source": "LLM_JUDGE:openai:/gpt-4o-mini"}
    if number % 11 == 5:
        error = AssessmentError("RATE_LIMIT_EXCEEDED", "the judge was busy: 429", 'Traceback (most recent call last):\n  File "judges/relevance.py", line 31, in judge\nRateLimitError: 429\n')
        score(turn.id, at + HOUR, "relevance", error=error, **judge)
    elif number % 3:
        said = "no" if failed else "yes"
        why = "The answer names the state of the parcel." if said == "yes" else "The customer got an apology, not an answer."
        score(turn.id, at + HOUR, "relevance", said, rationale=why, metadata={"mlflow.assessment.judgeCost": "0.000113", "prompt_version": "7"}, **judge)
        score(turn.id, at + HOUR, "groundedness", round(rnd.uniform(0.3, 1), 2), **judge)
        score(turn.id, at + HOUR, "tone", rnd.choice(["friendly", "friendly", "neutral", "curt"]), **judge)
    if number % 5 == 2:
        person = f"HUMAN:agent-{number % 4 + 1}@example.com"
        score(turn.id, at + 20 * HOUR, "rating", rnd.randrange(1, 6), source=person)
        score(turn.id, at + 20 * HOUR, "helpful", rnd.random() < 0.8, source=person, rationale={"ja": "丁寧な対応", "ar": "إجابة واضحة", "de": "Prüfung ✓"}.get(language, "checked"))
    if number % 25 == 7:
        first = score(turn.id, at + 21 * HOUR, "resolved", "yes", source="HUMAN:agent-1@example.com")
        score(turn.id, at + 45 * HOUR, "resolved", "no", source="HUMAN:lead@example.com", overrides=first.assessment_id, rationale="the customer wrote again")
    if number % 30 == 4:
        score(turn.id, at, "topics", ["parcel", "delay", "ε/€"])
        score(turn.id, at, "rubric", {"polite": True, "complete": 0.5, "notes": {"language": language}})
        score(turn.id, at, "reviewed_by", None, source="HUMAN:agent-2@example.com")


def everyday(experiment):
    """Two working weeks of conversations in the experiment support-bot; returns the ids of the special traces."""
    special, number, previous = {}, 0, None
    for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11):
        for slot in range(6 if day in (4, 11) else 7):
            language, topic, tool, turns = CONVERSATIONS[(day * 5 + slot * 3) % len(CONVERSATIONS)]
            sku, product, price = rnd.choice(PRODUCTS)
            values = {"order": f"TO-{rnd.randrange(70000, 79999)}", "product": product, "state": rnd.choice(STATES), "days": rnd.randrange(1, 5)}
            session = f"chat-2026-03-{2 + day:02d}-{slot + 1:02d}"
            model = "claude-sonnet-4-5" if slot % 3 == 2 else "gpt-4o-mini"
            history = []
            clock = START + day * 24 * HOUR + slot * HOUR + rnd.randrange(HOUR // 2)
            for question, answer in turns:
                number += 1
                question, answer = question.format(**values), answer.format(**values)
                failed = tool is not None and number % 12 == 3
                turn = Turn(
                    experiment, "support_agent", clock, {"question": question, "language": language, "turn": len(history) // 2 + 1},
                    metadata={"mlflow.trace.session": session, "mlflow.trace.user": f"customer-{rnd.randrange(1000, 1100)}", "app.version": "2.4.1" if day < 7 else "2.5.0"},
                    tags={"channel": rnd.choice(["web", "e-mail", "app"]), "language": language, "topic": topic},
                    links=[Link(trace_id=previous.id, span_id=previous.root.span_id, attributes={"reason": "same customer"})] if number % 40 == 9 else None,
                    attributes={"conversation.length": len(history), "experiment.arm": "A" if slot % 2 else "B", "budget": {"seconds": 20, "dollars": 0.05}},
                )  # fmt: skip
                if number == 1:
                    special["first"] = turn.id
                history.append({"role": "user", "content": question})
                if len(history) > 1:
                    turn.child("load_session", "SESSION_STORE", {"session": session}, {"messages": len(history) - 1}, 3)
                documents = turn.retrieve(question, topic) if len(history) == 1 else []
                context = "\n".join(d["page_content"] for d in documents[:1])
                messages = [{"role": "system", "content": SYSTEM + ("\n\nArticles:\n" + context if context else "")}, *history]
                failure = None
                if tool and len(history) == 1:
                    arguments = {"sku": sku} if tool == "check_stock" else {"order_id": values["order"]}
                    call = {"id": f"call_{rnd.getrandbits(32):08x}", "type": "function", "function": {"name": tool, "arguments": json.dumps(arguments)}}
                    turn.chat("plan", model, messages, None, [call])
                    failure = FAILURES[tool] if failed else None
                    result = {
                        "get_order": {**arguments, "state": values["state"], "items": [{"sku": sku, "name": product, "price": price, "quantity": 1}], "carrier": None},
                        "create_return": f"return R-{values['order'][3:]} created",
                        "open_ticket": 48000 + number,
                        "check_stock": {"sku": sku, "pieces": rnd.randrange(0, 40), "warehouses": ["Kiel", "Łódź"]},
                    }[tool]
                    turn.child(tool, "TOOL", arguments, result, rnd.randrange(30, 900), failure=failure, events=[("retry", {"attempt": 2, "wait_s": 0.5, "final": False})] if failed else ())
                    messages = [*messages, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result, ensure_ascii=False)}]
                if failure and number % 24 == 15:
                    turn.end(None, failed=True)
                    history.append({"role": "assistant", "content": ""})
                    score_turn(number, turn, "", language, True)
                else:
                    turn.chat("answer", model, messages, answer)
                    if number % 2 == 0:
                        turn.child("check_policy", "GUARDRAIL", {"characters": len(answer)}, {"allowed": True, "rules": ["no-dates", "no-discounts"]}, 12)
                    turn.end({"answer": answer, "language": language}, failed=failure is not None)
                    history.append({"role": "assistant", "content": answer})
                    score_turn(number, turn, answer, language, failure is not None)
                if number == 31:
                    mlflow.log_assessment(turn.id, IssueReference(issue_id="issue-late-parcels", issue_name="parcels late", source=AssessmentSource("LLM_JUDGE", "triage"), create_time_ms=turn.clock // MS, last_update_time_ms=turn.clock // MS))  # fmt: skip
                    special["issue"] = turn.id
                if number == 40:
                    mlflow.set_trace_tag(turn.id, "review", "später prüfen")
                clock = turn.clock + rnd.randrange(20, 300) * 1000 * MS
                previous = turn
    special["in_progress"] = unfinished(experiment, clock + HOUR)
    return special


def unfinished(experiment, clock):
    """A trace whose process died: its first children have arrived, its root never ended."""
    turn = Turn(experiment, "support_agent", clock, {"question": "Hello? Is anybody there?", "language": "en", "turn": 1}, metadata={"mlflow.trace.session": "chat-2026-03-13-09"}, tags={"channel": "web"})
    turn.child("load_session", "SESSION_STORE", {"session": "chat-2026-03-13-09"}, None, 4)
    turn.retrieve("Hello? Is anybody there?", "shipping")
    return turn.id


def evaluation(experiment, client):
    """Two runs of the evaluation set in support-bot-eval, one per model, with expectations and judges."""
    for week, model in enumerate(MODELS):
        clock = START + (4 + 6 * week) * 24 * HOUR + 9 * HOUR
        run = client.create_run(experiment, start_time=clock // MS, run_name=f"nightly {model}", tags={"mlflow.source.name": "evaluate.py"})
        client.log_param(run.info.run_id, "model", model)
        for number, (question, answer, facts, call, escalate) in enumerate(EVALUATION):
            turn = Turn(experiment, "support_agent", clock, {"question": question}, metadata={"mlflow.sourceRun": run.info.run_id, "dataset": "support-questions-v3"}, tags={"row": str(number)})
            topic = list(ARTICLES)[number % len(ARTICLES)]
            turn.retrieve(question, topic)
            given = answer if (number + week) % 4 else "I am not sure. Shall I open a ticket?"
            turn.chat("answer", model, [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}], given)
            turn.end({"answer": given})
            at, person, run_key = turn.clock + HOUR, "HUMAN:lead@example.com", {"mlflow.assessment.sourceRunId": run.info.run_id}
            score(turn.id, at, "expected_response", answer, kind=Expectation, source=person)
            score(turn.id, at, "expected_facts", facts, kind=Expectation, source=person)
            score(turn.id, at, "should_escalate", escalate, kind=Expectation, source=person)
            if call:
                score(turn.id, at, "expected_tool", call, kind=Expectation, source=person, metadata={"schema": "1"})
            if number == 6:
                score(turn.id, at, "expected_pieces", 12, kind=Expectation, source=person)
            judge = {"source": f"LLM_JUDGE:{'anthropic' if week else 'openai'}:/{model}", "metadata": run_key}
            score(turn.id, at + HOUR, "correctness", "yes" if given == answer else "no", rationale="compared with the expected answer", **judge)
            score(turn.id, at + HOUR, "similarity", 1.0 if given == answer else 0.25, source="CODE:evaluate.py", metadata=run_key)
            clock = turn.clock + 500 * MS
        client.set_terminated(run.info.run_id, end_time=clock // MS)


def without_spans(url, experiment):
    """A trace that only has its info: its client announced it and never sent a span."""
    info = {
        "trace_id": "tr-" + "5e" * 16, "client_request_id": "web-7781", "request_time": "2026-03-06T16:20:00.250Z", "execution_duration": "1.500s", "state": "ERROR",
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_preview": "Is my parcel lost?", "trace_metadata": {"mlflow.trace.session": "chat-2026-03-06-11"}, "tags": {"mlflow.traceName": "support_agent", "channel": "web"},
    }  # fmt: skip
    request = urllib.request.Request(f"{url}/api/3.0/mlflow/traces", json.dumps({"trace": {"trace_info": info}}).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=30).close()
    return info["trace_id"]


def settle(path):
    """Fixed times where the server had put its own, then the smallest file."""
    db = sqlite3.connect(path)
    opened = START // MS - 3 * 86_400_000
    db.execute("UPDATE experiments SET creation_time = ?, last_update_time = ?", (opened, opened))
    db.execute("UPDATE experiments SET last_update_time = ? WHERE lifecycle_stage = 'deleted'", (opened + 86_400_000,))
    db.commit()
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA page_size = 512")
    db.execute("VACUUM")
    db.close()


def main():
    work = tempfile.mkdtemp()
    os.chdir(work)  # no repository here: MLflow records the commit of the one it runs in
    sys.argv[0] = "support_bot.py"  # becomes mlflow.source.name
    random.seed(20260302)  # the ids of traces and spans
    server = subprocess.Popen([sys.executable, os.path.join(TEST_PY, "server.py"), "--dir", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(server.stdout.readline())["url"]
        mlflow.set_tracking_uri(url)
        client = MlflowClient(url)
        bot = client.create_experiment("support-bot", tags={"team": "customer care"})
        held_out = client.create_experiment("support-bot-eval", tags={"team": "customer care"})
        sandbox = client.create_experiment("support-bot-sandbox")
        special = everyday(bot)
        evaluation(held_out, client)
        trial = Turn(sandbox, "trial", START - 48 * HOUR, "does it work?", metadata={}, tags={})
        trial.end("it does")
        client.delete_experiment(sandbox)
        special.update(without_spans=without_spans(url, bot), deleted_experiment=trial.id)
        expected = os.path.join(work, "expected.jsonl")
        subprocess.run([sys.executable, os.path.join(TEST_PY, "expected.py"), url, expected, "--deleted"], check=True)
        print(json.dumps(special, indent=1))
    finally:
        server.stdin.close()
        server.wait()
    settle(os.path.join(work, "mlflow.db"))
    shutil.copyfile(os.path.join(work, "mlflow.db"), os.path.join(HERE, "mlflow.db"))
    with open(expected, "rb") as f, open(os.path.join(HERE, "expected.jsonl.gz"), "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as out:
        shutil.copyfileobj(f, out)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
