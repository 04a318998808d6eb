"""Writes calls of models with MLflow's client, which computes what each costs, and prints what it computed.

    PYTHON cost.py DB        with the 3.17.2 environment or a later one; DB is a store of that version

The traces are in the experiment `cost`: one per model, a span per call. Prints {"models": [price], "calls": {span id: call}}. A price is one of
the genai processor's cost::models, in USD per million tokens, with what MLflow's own catalog says of the model, which is bundled and read without
the network. A call is {"model", "usage", "cost", "differs", "same_as"}: cost is MLflow's mlflow.llm.cost, read back with the trace. differs says why
the processor's cost must be another one, "" where both must agree. same_as is MLflow's cost of a usage that says to MLflow what the call's usage says
to the processor.
"""

import json
import os
import sys

os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_MODEL_CATALOG_URI="", MLFLOW_ENABLE_ASYNC_TRACE_LOGGING="false", MLFLOW_TRACKING_URI="sqlite:///" + sys.argv[1]
)

import mlflow  # noqa: E402
from mlflow.tracing.utils import calculate_cost_by_model_and_token_usage as priced  # noqa: E402
from mlflow.utils.providers import _load_provider  # noqa: E402

# One of each form of price: with all rates, without a rate of an hour, with a rate for reading only, without any rate for caches.
RATES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
}
FORMS = [{"cache_read", "cache_write", "cache_write_1h"}, {"cache_read", "cache_write"}, {"cache_read"}, set()]
PROVIDERS = ["anthropic", "openai", "mistral", "bedrock", "deepseek"]


def usage(read=None, write=None, hour=None, total=None, **tokens):
    out = {"input_tokens": tokens["input"], "output_tokens": tokens["output"]}
    names = {"cache_read_input_tokens": read, "cache_creation_input_tokens": write, "cache_creation_input_tokens_above_1hr": hour, "total_tokens": total}
    out.update((k, v) for k, v in names.items() if v is not None)
    return out


SAME = [
    usage(input=1000, output=50, total=1050),
    usage(input=1, output=1),
    usage(input=0, output=7),
    usage(input=7, output=0),
    usage(input=123456789, output=9876543),
    usage(input=1000, output=50, read=400, total=1050),
    usage(input=1000, output=50, read=400, write=100, total=1050),
    usage(input=1000, output=50, read=400, write=100, hour=60, total=1050),
    usage(input=1000, output=50, write=100, hour=100, total=1050),
    usage(input=1000, output=50, read=0, write=0, hour=0, total=1050),
    usage(input=1000, output=50, read=1000, total=1050),
    usage(input=1000, output=50, read=400),
]

# What MLflow reads otherwise: usage, and the usage that says to MLflow what it means to the processor.
DIFFERENT = [
    (
        "less input than cached: the input excludes them, MLflow takes it for 0",
        usage(input=100, output=50, read=4000, write=100),
        usage(input=4200, output=50, read=4000, write=100),
    ),
    (
        "the total fits an input that excludes cached tokens only",
        usage(input=1000, output=50, read=400, write=100, total=1550),
        usage(input=1500, output=50, read=400, write=100),
    ),
    ("MLflow computes no cost of nothing", usage(input=0, output=0, total=0), usage(input=0, output=0)),
]


def models():
    """(provider, model, rates) of the bundled catalog, the first of each form of price."""
    wanted = list(FORMS)
    for provider in PROVIDERS:
        for model, info in sorted(_load_provider(provider).items()):
            rates = {ours: info[theirs] * 1e6 for ours, theirs in RATES.items() if info.get(theirs) is not None}
            if info.get("mode") == "chat" and rates.get("input") and rates.get("output") and set(rates) - {"input", "output"} in wanted:
                wanted.remove(set(rates) - {"input", "output"})
                yield provider, model, rates
    assert not wanted, wanted


def main():
    mlflow.set_experiment("cost")
    prices, calls = [], {}
    for provider, model, rates in models():
        prices.append({"match": {"model": model}, **rates})
        with mlflow.start_span(name=model, span_type="AGENT") as root:
            for differs, used, same_as in [("", u, u) for u in SAME] + DIFFERENT:
                with mlflow.start_span(name="call", span_type="CHAT_MODEL") as span:
                    span.set_attributes({"mlflow.llm.model": model, "mlflow.llm.provider": provider, "mlflow.chat.tokenUsage": used})
                calls[span.span_id] = {"model": model, "usage": used, "differs": differs, "same_as": priced(model, same_as, provider)}
        for span in mlflow.get_trace(root.trace_id).data.spans:
            if span.span_id in calls:
                calls[span.span_id]["cost"] = span.get_attribute("mlflow.llm.cost")
    print(json.dumps({"models": prices, "calls": calls}))


main()
