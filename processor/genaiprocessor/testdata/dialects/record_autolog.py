"""Records what MLflow's autologging writes for LangChain and LangGraph, as record.py does for the other dialects: mlflow_langchain.json, mlflow_langgraph.json.

    python3.11 -m venv /tmp/autolog && /tmp/autolog/bin/pip install --no-deps -r ../../../../test/py/requirements-3.17.2.txt -r requirements-autolog.txt
    /tmp/autolog/bin/python record_autolog.py

The model is a fake one in this process that gives the answers of record.py, so that the conversation is the same in all dialects; no network, no key. Spans are exported over OTLP
as MLflow's own exporter sends them.
"""

import subprocess
import sys

from record import ANSWER, MESSAGES, Stub, export_to, exported, serve, write


def model():
    from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
    from langchain_core.messages import AIMessage

    class Model(FakeMessagesListChatModel):
        """Asks for a tool when it has some and was not given a result, like a real one."""

        model: str = "gpt-4o-mini"

        @property
        def _identifying_params(self):
            return {"model": self.model}

        def bind_tools(self, tools, **kwargs):
            return self.bind(tools=[{"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.get_input_jsonschema()}} for t in tools], **kwargs)

    call = {"name": "find_order", "args": {"id": "TO-70374"}, "id": "call_1"}
    usage = {"input_tokens": 57, "output_tokens": 21, "total_tokens": 78}
    return Model(responses=[AIMessage("", tool_calls=[call], usage_metadata=usage), AIMessage(ANSWER, usage_metadata=usage)])


def mlflow_langchain():
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    prompt = ChatPromptTemplate([("system", MESSAGES[0]["content"]), ("user", "{question}")])
    answering = model()
    answering.i = 1  # no tool
    (prompt | answering | StrOutputParser()).invoke({"question": MESSAGES[1]["content"]})


def mlflow_langgraph():
    from langchain_core.tools import tool
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.prebuilt import ToolNode, tools_condition

    @tool
    def find_order(id: str) -> str:
        """Finds an order."""
        return '{"state": "shipped", "since": "Tuesday"}'

    calling = model().bind_tools([find_order])
    graph = StateGraph(MessagesState)
    graph.add_node("agent", lambda state: {"messages": [calling.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([find_order]))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    graph.compile(name="support").invoke({"messages": MESSAGES})


if __name__ == "__main__":
    if len(sys.argv) == 1:
        for name in ("mlflow_langchain", "mlflow_langgraph"):
            subprocess.run([sys.executable, __file__, name], check=True)
        sys.exit()
    export_to(serve())
    import mlflow

    mlflow.langchain.autolog()
    globals()[sys.argv[1]]()
    write(sys.argv[1], exported())
