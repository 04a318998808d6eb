// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
)

// processLogs implements processorhelper.ProcessLogsFunc. Metrics tell what was done, not the report:
// its scores are those of spans, most of which come as log records, too.
func (p *genaiProcessor) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	w := p.workers.Get().(*worker)
	defer p.workers.Put(w)
	if p.cfg.Assessments.MaxMetrics > 0 {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					if content.EventName(lr) == genai.EvaluationResult {
						w.evaluation(lr.Attributes())
					}
				}
			}
		}
	}
	w.stats.content = p.policy.ApplyLogs(ld)
	p.tel.add(ctx, &w.stats)
	w.release()
	return ld, nil
}

// evaluation adds the number of a record gen_ai.evaluation.result under the name that it has on
// spans, and as the value of the score where the record has only a label.
func (w *worker) evaluation(attrs pcommon.Map) {
	m, reason := w.scorer.OfRecord(attrs)
	if reason != "" {
		w.stats.skip(reason, 1)
		return
	}
	attrs.PutDouble(m.Key, m.Value)
	if v, ok := attrs.Get(genai.EvaluationScore); !ok || v.Type() == pcommon.ValueTypeEmpty {
		attrs.PutDouble(genai.EvaluationScore, m.Value)
	}
	w.scored(m)
}
