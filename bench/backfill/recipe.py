"""The usual way to get traces out of MLflow, as a notebook does it; what the backfill is compared with.

    PYTHON recipe.py URL EXPERIMENT N OUT

Pages of 100, newest first, page token by page token; a row of each trace, the tokens of its request and response counted with tiktoken (cl100k_base),
written as JSON lines. Stops after N traces and prints {"traces", "seconds"}; imports and the loading of the vocabulary are not counted.
"""

import json
import sys
import time

import tiktoken
from mlflow import MlflowClient


def main():
    url, experiment, limit, out = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    client = MlflowClient(tracking_uri=url)
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    encoding = tiktoken.get_encoding("cl100k_base")
    encoding.encode("loaded")
    begin = time.monotonic()
    traces, token = 0, None
    with open(out, "w") as rows:
        while traces < limit:
            page = client.search_traces(locations=[experiment_id], max_results=100, order_by=["timestamp_ms DESC"], page_token=token)
            for trace in page:
                request, response = trace.data.request or "", trace.data.response or ""
                row = {
                    "request_id": trace.info.trace_id, "request": request, "response": response, "start_time_ms": trace.info.request_time,
                    "execution_time_ms": trace.info.execution_duration, "status": str(trace.info.state), "tags": trace.info.tags,
                    "token_count_request": len(encoding.encode(request, disallowed_special=())),
                    "token_count_response": len(encoding.encode(response, disallowed_special=())),
                }  # fmt: skip
                rows.write(json.dumps(row) + "\n")
            traces += len(page)
            token = page.token
            if not token:
                break
    print(json.dumps({"traces": traces, "seconds": time.monotonic() - begin}))


if __name__ == "__main__":
    main()
