"""Records what the instrumentation libraries write, as OTLP JSON, one file per dialect beside this one.

    pip install -r requirements.txt && python record.py

The libraries call a stub of OpenAI's API in this process; no network, no key. Resources and scopes keep their names only. Ids and times
differ in each recording; the goldens name spans by their names.
"""

import base64
import http.server
import json
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWER = "Your parcel left the warehouse on Tuesday; it should arrive within 2 days. Grüße!"
MESSAGES = [
    {"role": "system", "content": "You answer briefly and never guess."},
    {"role": "user", "content": "Where is my order TO-70374? Wo ist meine Bestellung? 注文はどこですか？"},
]
TOOLS = [{"type": "function", "function": {"name": "find_order", "description": "Finds an order.", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}}}]


class Stub(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/v1/traces"):
            Stub.exported.append((self.headers.get("Content-Encoding"), body))
            self.reply(b"")
            return
        request = json.loads(body)
        message, reason = {"role": "assistant", "content": ANSWER}, "stop"
        if request.get("tools") and request["messages"][-1]["role"] != "tool":
            call = {"id": "call_1", "type": "function", "function": {"name": "find_order", "arguments": '{"id": "TO-70374"}'}}
            message, reason = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        self.reply(json.dumps({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1772435766, "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 57, "completion_tokens": 21, "total_tokens": 78},
        }).encode())

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


Stub.exported = []


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def tracing():
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def write(name, message):
    """Writes an ExportTraceServiceRequest as OTLP JSON, whose ids are hexadecimal."""
    from google.protobuf.json_format import MessageToDict

    data = MessageToDict(message)
    for resource in data["resourceSpans"]:
        resource["resource"] = {"attributes": [a for a in resource["resource"].get("attributes", []) if a["key"] == "service.name"]}
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = base64.b64decode(span[key]).hex()
                span["kind"] = {"SPAN_KIND_INTERNAL": 1, "SPAN_KIND_SERVER": 2, "SPAN_KIND_CLIENT": 3}.get(span.get("kind"), 0)
                if "code" in span.get("status", {}):
                    span["status"]["code"] = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}.get(span["status"]["code"], 0)
                # addresses of this machine
                span["attributes"] = [a for a in span.get("attributes", []) if a["key"].split(".")[0] not in ("http", "net", "server", "client", "url", "network", "user_agent")]
    with open(os.path.join(HERE, name + ".json"), "w", encoding="utf-8") as f:
        json.dump(data, f, ensure_ascii=False, indent=1)
        f.write("\n")


def save(name, exporter):
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    write(name, encode_spans(exporter.get_finished_spans()))


def client(url):
    import openai

    return openai.OpenAI(api_key="none", base_url=url + "/v1", max_retries=0)


def conversation(url):
    """Two calls: one that asks for a tool, one that answers."""
    c = client(url)
    first = c.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, tools=TOOLS)
    call = first.choices[0].message.tool_calls[0]
    messages = MESSAGES + [
        {"role": "assistant", "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": '{"state": "shipped", "since": "Tuesday"}'},
    ]
    c.chat.completions.create(model="gpt-4o-mini", messages=messages)


def openinference(url):
    from openinference.instrumentation.openai import OpenAIInstrumentor

    provider, exporter = tracing()
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    conversation(url)
    save("openinference", exporter)


def openllmetry(url):
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    provider, exporter = tracing()
    OpenAIInstrumentor(enrich_assistant=True).instrument(tracer_provider=provider)
    conversation(url)
    save("openllmetry", exporter)


def fastapi(url):
    """An agent behind an instrumented web framework."""
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from openinference.instrumentation.openai import OpenAIInstrumentor
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    provider, exporter = tracing()
    app = FastAPI()

    @app.get("/ask")
    def ask():
        conversation(url)
        return {}

    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    assert TestClient(app).get("/ask").status_code == 200
    save("fastapi", exporter)


def langchain(url):
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.messages import HumanMessage, SystemMessage
    from langchain_core.runnables import RunnableLambda
    from openinference.instrumentation.langchain import LangChainInstrumentor

    provider, exporter = tracing()
    LangChainInstrumentor().instrument(tracer_provider=provider)
    model = FakeListChatModel(responses=[ANSWER])
    chain = RunnableLambda(lambda x: [SystemMessage(x["system"]), HumanMessage(x["question"])]) | model | (lambda m: {"answer": m.content})
    chain.invoke({"system": MESSAGES[0]["content"], "question": MESSAGES[1]["content"]})
    save("langchain", exporter)


def export_to(url):
    """Makes MLflow export over OTLP instead of to a tracking server."""
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = url + "/v1/traces"
    os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
    os.environ["OTEL_SERVICE_NAME"] = "shop"
    os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


def exported():
    """What MLflow has exported, as one request."""
    import gzip

    import mlflow
    from mlflow.tracing.provider import provider as state
    from opentelemetry import trace
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    mlflow.flush_trace_async_logging()
    for p in (trace.get_tracer_provider(), getattr(state, "get", lambda: None)()):
        if hasattr(p, "force_flush"):
            p.force_flush()
    merged = ExportTraceServiceRequest()
    for encoding, body in Stub.exported:
        merged.MergeFromString(gzip.decompress(body) if encoding == "gzip" else body)
    return merged


def mlflow(url):
    """MLflow's own autologging of OpenAI's client, and decorators."""
    export_to(url)
    import mlflow

    mlflow.openai.autolog()

    @mlflow.trace(span_type="AGENT")
    def agent(question, language):
        conversation(url)
        return {"answer": ANSWER, "score": 0.5, "tags": ["a", None]}

    agent(MESSAGES[1]["content"], language="de")
    write("mlflow_otlp", exported())


if __name__ == "__main__":
    if len(sys.argv) == 2:
        globals()[sys.argv[1]](serve())
    else:  # each in a process of its own: instrumentations replace the same functions
        import subprocess

        for name in ("openinference", "openllmetry", "fastapi", "langchain", "mlflow"):
            subprocess.run([sys.executable, __file__, name], check=True)
