"""Scores a trace with MLflow's own client: feedback that is overridden, once and twice, deleted, and about spans.

    PYTHON override.py URL

Prints {"trace": id, "root": id of the topmost span, "assessments": [… as the server returns them …]}.
"""
import json
import os
import sys

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", LOGNAME="override", MLFLOW_ENABLE_ASYNC_LOGGING="false")

import mlflow  # noqa: E402
from mlflow.entities import AssessmentSource  # noqa: E402

HUMAN = AssessmentSource(source_type="HUMAN", source_id="me@example.com")


def main(url):
    mlflow.set_tracking_uri(url)
    client = mlflow.MlflowClient()
    ids = [e.experiment_id for e in client.search_experiments()]
    traces = (t for t in client.search_traces(locations=ids, max_results=50) if len(t.data.spans) > 1)
    trace = next(t for t in traces if t.info.state == "OK")
    inner = next(s for s in trace.data.spans if s.parent_id)
    root = next(s for s in trace.data.spans if not s.parent_id)
    key = trace.info.trace_id

    def say(name, value, **more):
        return mlflow.log_feedback(trace_id=key, name=name, value=value, source=HUMAN, **more).assessment_id

    def replace(old, value):
        return mlflow.override_feedback(trace_id=key, assessment_id=old, value=value, source=HUMAN).assessment_id

    replace(say("agree_quality", "yes"), "no")
    replace(replace(say("agree_tone", 0.25), 0.75), 0.5)
    say("agree_inner", 0.9, span_id=inner.span_id)
    say("agree_root", 0.125, span_id=root.span_id)
    mlflow.delete_assessment(trace_id=key, assessment_id=say("agree_gone", True))
    say("agree_plain", True)
    found = client.get_trace(key).info.assessments
    print(json.dumps({"trace": key, "root": root.span_id,
                      "assessments": [a.to_dictionary() for a in found if a.name.startswith("agree_")]}))


main(*sys.argv[1:])
