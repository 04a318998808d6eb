"""Values that the generators of test traces share: everything that has ever been decoded wrongly, in one place."""

import math

SPAN_TYPES = [
    "LLM", "CHAIN", "AGENT", "TOOL", "CHAT_MODEL", "RETRIEVER", "PARSER", "EMBEDDING", "RERANKER", "MEMORY", "UNKNOWN",
    "WORKFLOW", "TASK", "GUARDRAIL", "EVALUATOR", "MY_TYPE", 'quoted "type"', "",
]  # fmt: skip

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How tall is the lighthouse?"}]
CHAT_IN = {"model": "gpt-4o-mini", "messages": MESSAGES, "temperature": 0.1, "tools": [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}]}
CHAT_OUT = {
    "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "41 metres.", "tool_calls": None}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
}  # fmt: skip
CALL_OUT = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": '{"q": "lighthouse"}'}}]}, "finish_reason": "tool_calls"}],
}  # fmt: skip
DOCUMENTS = [
    {"page_content": "The lighthouse was built in 1898.", "metadata": {"doc_uri": "docs/a.md", "chunk_id": "1", "score": 0.9}, "id": "d1"},
    {"page_content": "", "metadata": {"doc_uri": "docs/b.md"}, "id": None},
]

# Inputs, outputs and extra attributes by span type; the rest gets a small object.
BY_TYPE = {
    "LLM": (CHAT_IN, CALL_OUT, {}),
    "CHAT_MODEL": (
        CHAT_IN,
        CHAT_OUT,
        {
            "model": "gpt-4o-mini", "mlflow.message.format": "openai", "mlflow.llm.model": "gpt-4o-mini", "mlflow.llm.provider": "openai",
            "mlflow.chat.tokenUsage": {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15, "cache_read_input_tokens": 4},
            "mlflow.llm.cost": {"input_cost": 1.8e-06, "output_cost": 1.8e-06, "total_cost": 3.6e-06},
            "mlflow.chat.tools": CHAT_IN["tools"],
        },
    ),
    "RETRIEVER": ({"query": "lighthouse"}, DOCUMENTS, {}),
    "TOOL": ({"q": "lighthouse"}, "a bare string", {}),
    "EMBEDDING": ("text", [0.1, -0.2, 1e-07, -0.0, 1e22, 5e-324], {}),
}  # fmt: skip

ATTRIBUTES = {
    "a.string": "s", "an.int": 42, "a.negative": -7, "a.float": 1.5, "a.whole.float": 3.0, "true": True, "false": False, "none": None,
    "list": [1, "a", None, 2.5, [], {}], "object": {"k": {"n": 1}, "": "empty key", "dotted.key": 1}, "empty.list": [], "empty.object": {}, "empty.string": "",
    "int64.max": 2**63 - 1, "int64.min": -(2**63), "above.2^53": 2**53 + 1, "small.float": 5e-324, "big.float": 1.7976931348623157e308,
    "looks.like.json": '{"q": "hi"}', "looks.like.number": "12", "looks.like.null": "null", "looks.like.nan": "NaN", "just.quotes": '"hi"',
    "json.with.order": {"z": 1, "a": 2, "m": [{"y": 1, "b": 2}]},
}  # fmt: skip

UNICODE = {
    "質問": 'こんにちは 🚀 "quoted" back\\slash\nnewline\ttab \u0001control \u007f del \u2028 separator',
    "emoji": "👩‍👩‍👧 🇪🇺", "rtl": "שלום مرحبا", "combining": "e\u0301 ñ", "astral": "𝔘𝔫𝔦", "nul": "a\u0000b", "html": "<b>&amp;</b>", "ключ": "значение",
}  # fmt: skip

NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "nested": [math.nan, {"x": -math.inf}]}
HUGE = {"n": 2**70, "negative": -(2**100), "list": [2**63, 2**64 - 1]}


def nested(depth, leaf=1):
    """Objects and lists in turn, `depth` containers deep."""
    value = leaf
    for level in range(depth):
        value = {"n": value} if level % 2 else [value]
    return value


def nested_text(depth, leaf="1"):
    """The JSON text of objects `depth` deep; any depth (json.dumps stops near 1000)."""
    return '{"n": ' * depth + leaf + "}" * depth


# Texts that only producers other than MLflow's Python client write as the value of an attribute.
ODD_TEXTS = {
    "plain": "no JSON at all", "empty": "", "space": " ", "duplicate.keys": '{"a": 1, "b": 2, "a": 3}', "numbers": "[1.50, 1E5, -0, -0.0, 1e400, 0.1e-7]",
    "compact": '{"a":[1,2],"b":{"c":null}}', "cut": '{"a": [1, 2', "two.values": "1 2", "bare.nan": "NaN", "bare.infinity": "-Infinity", "escapes": '"\\u00e9\\ud83d\\ude80\\/"',
    "lone.surrogate": '"\\ud800"', "huge": '{"n": 1180591620717411303424}', "quoted.json": '"{\\"a\\": 1}"',
}  # fmt: skip
