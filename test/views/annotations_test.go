// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"fmt"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// annotations are rows that only MLflow's own API writes: appended to, deleted by another row.
func annotations() []databrickstest.Row {
	var rows []databrickstest.Row
	add := func(trace byte, id, kind, name string, value any, minute int, deleted bool) {
		time := func(m int) string { return fmt.Sprintf("2026-11-20T11:%02d:00.000000Z", m) }
		row := databrickstest.Row{
			"annotation_id": id, "target_type": "TRACE", "target_id": traceID(trace).String(), "annotation_type": kind,
			"name": name, "value": value,
			"created_at": time(0), "created_by": "me", "updated_at": time(minute), "updated_by": "me",
			"deleted_at": nil, "deleted_by": nil,
		}
		if deleted {
			row["deleted_at"], row["deleted_by"] = time(minute), "me"
		}
		rows = append(rows, row)
	}
	add(13, "t1", "TAG", "team", "green", 1, false)
	add(13, "t1", "TAG", "team", "red", 2, false)
	add(13, "t2", "TAG", "environment", "prod", 1, false)
	add(13, "t3", "TAG", "gone", "x", 1, false)
	add(13, "t3", "TAG", "gone", "x", 1, true) // deleted in the same instant
	add(13, "t4", "TAG", "mlflow.traceName", "system", 1, false)
	add(13, "m1", "METADATA", "metadata", map[string]any{"client_request_id": "c", "trace_metadata": map[string]any{
		"mlflow.trace.session": "s-ann", "mlflow.trace.user": "u-ann",
		"mlflow.trace.tokenUsage": `{"input_tokens": 5, "output_tokens": 6, "total_tokens": 11}`,
		"mlflow.trace.cost":       `{"total_cost": 1.5}`, "mlflow.sourceRun": "run",
	}}, 1, false)
	add(13, "f1", "FEEDBACK", "quality", "yes", 1, false)
	add(13, "f1", "FEEDBACK", "quality", "no", 5, false) // changed
	add(13, "f2", "FEEDBACK", "Quality", 0.5, 3, false)  // the same score in another spelling, older
	add(14, "f3", "FEEDBACK", "relevance", 0.9, 1, false)
	add(14, "f3", "FEEDBACK", "relevance", 0.9, 2, true) // deleted: what the log says holds
	add(14, "t5", "TAG", "mlflow.trace.sourceScorer", "safety", 1, false)
	add(15, "f4", "FEEDBACK", "relevance", true, 1, false) // older than the span
	add(16, "x1", "EXPECTATION", "expected", 1.0, 1, false)
	add(17, "f5", "FEEDBACK", "quality", 0.8, 1, true) // deleted after the span was written
	add(17, "f8", "FEEDBACK", "été", 0.4, 1, false)
	add(17, "f6", "FEEDBACK", "tone", "so so", 1, false)
	add(17, "m2", "METADATA", "metadata", map[string]any{"client_request_id": "c"}, 1, false)
	add(18, "f7", "FEEDBACK", "relevance", 1.0, 1, false) // of a trace that is not there
	rows = append(rows, databrickstest.Row{
		"annotation_id": "s1", "target_type": "SPAN", "target_id": traceID(15).String() + ":" + spanID(15, 2).String(),
		"annotation_type": "FEEDBACK", "name": "inner", "value": 1.0,
		"created_at": "2026-11-20T11:00:00.000000Z", "updated_at": "2026-11-20T11:00:00.000000Z",
	})
	return rows
}
