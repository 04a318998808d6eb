"""Writes down what the genai processor must write on every trace of some experiments, computed from what MLflow's client returns.

    PYTHON refined.py URI OUT.jsonl EXPERIMENT...        with the 3.17.2 environment

URI is a tracking URI (http://... or sqlite:///...). A server can't answer for traces that hold integers beyond 64 bits; its store can. Every trace is
read with MlflowClient.search_traces, spans included. One JSON object per line and trace: {"experiment", "trace_id"
(MLflow's), "state", "otel_trace_id" (32 hex digits, null without spans), "spans": {span id: {attribute: value}} with the spans on which something is written, "all_spans":
number of spans}. How the values are computed is said in refine.py. Prints {"traces", "spans", "counts", "scores"}.
"""

import json
import os
import sys

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_TRACKING_URI=sys.argv[1])

from mlflow import MlflowClient  # noqa: E402
from refine import refined  # noqa: E402


def of_span(span):
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "start_ns": span.start_time_ns,
        "attributes": {**span.attributes, "mlflow.spanInputs": span.inputs, "mlflow.spanOutputs": span.outputs},
    }


def of_assessment(a):
    return {
        "id": a.assessment_id,
        "name": a.name,
        "kind": "feedback" if a.feedback is not None else "other",
        "value": a.feedback.value if a.feedback is not None else None,
        "span_id": a.span_id,
        "overrides": a.overrides,
        "valid": a.valid,
        "last_update_time_ms": a.last_update_time_ms,
    }


def traces(client, experiment_id):
    token = None
    while True:
        page = client.search_traces(locations=[experiment_id], max_results=200, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def main():
    client = MlflowClient()
    total = {"traces": 0, "spans": 0, "counts": 0, "scores": 0}
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        for name in sys.argv[3:]:
            for trace in traces(client, client.get_experiment_by_name(name).experiment_id):
                spans = trace.data.spans
                written = refined([of_span(s) for s in spans], [of_assessment(a) for a in trace.info.assessments])
                line = {
                    "experiment": name,
                    "trace_id": trace.info.trace_id,
                    "state": trace.info.state.value,
                    "otel_trace_id": spans[0]._trace_id if spans else None,
                    "spans": written,
                    "all_spans": len(spans),
                }
                out.write(json.dumps(line) + "\n")
                total["traces"] += 1
                total["spans"] += len(spans)
                keys = [key for attributes in written.values() for key in attributes]
                total["counts"] += sum(key in ("token_count_request", "token_count_response") for key in keys)
                total["scores"] += sum(key.startswith("metric_") for key in keys)
    print(json.dumps(total), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
