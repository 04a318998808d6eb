// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/cost"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/scores"
)

// stats counts what was done with one batch.
type stats struct {
	tokens, counted, truncated, missing [2]int // by direction
	media                               [2]int // base64 files in counted texts, by what became of them
	spans                               int    // that got token counts
	bytes, scores, filled, errors       int
	shared                              int    // scores under an attribute that another name had first
	sharedKey                           string // one of those attributes
	skipped                             map[scores.Reason]int
	cost                                cost.Stats
	content                             content.Stats
}

// What becomes of base64 files.
const (
	mediaCounted = iota
	mediaSkipped
)

func (s *stats) skip(reason scores.Reason, n int) {
	if s.skipped == nil {
		s.skipped = map[scores.Reason]int{}
	}
	s.skipped[reason] += n
}

// telemetry turns stats into metrics and says once what people should know.
type telemetry struct {
	*metadata.TelemetryBuilder
	logger *zap.Logger
	warned sync.Map // of keys
}

func newTelemetry(set component.TelemetrySettings) (*telemetry, error) {
	b, err := metadata.NewTelemetryBuilder(set)
	return &telemetry{TelemetryBuilder: b, logger: set.Logger}, err
}

var directions = [2]attribute.KeyValue{attribute.String("direction", "request"),
	attribute.String("direction", "response")}

func (t *telemetry) add(ctx context.Context, s *stats) {
	for d, direction := range directions {
		set := metric.WithAttributeSet(attribute.NewSet(direction))
		if s.tokens[d] > 0 {
			t.ProcessorGenaiTokens.Add(ctx, int64(s.tokens[d]), set)
		}
		for _, r := range []struct {
			name string
			n    int
		}{{"counted", s.counted[d]}, {"truncated", s.truncated[d]}, {"missing", s.missing[d]}} {
			if r.n > 0 {
				t.ProcessorGenaiTexts.Add(ctx, int64(r.n),
					metric.WithAttributeSet(attribute.NewSet(direction, attribute.String("result", r.name))))
			}
		}
	}
	for i, result := range [2]string{mediaCounted: "counted", mediaSkipped: "skipped"} {
		addBy(ctx, t.ProcessorGenaiMedia, "result", result, s.media[i])
	}
	if s.bytes > 0 {
		t.ProcessorGenaiTextBytes.Add(ctx, int64(s.bytes))
	}
	if s.scores > 0 {
		t.ProcessorGenaiScores.Add(ctx, int64(s.scores))
	}
	if s.shared > 0 {
		t.ProcessorGenaiScoreCollisions.Add(ctx, int64(s.shared))
	}
	if s.filled > 0 {
		t.ProcessorGenaiUsageFilled.Add(ctx, int64(s.filled))
	}
	if s.errors > 0 {
		t.ProcessorGenaiExpressionErrors.Add(ctx, int64(s.errors))
	}
	for reason, n := range s.skipped {
		addBy(ctx, t.ProcessorGenaiAssessmentsSkipped, "reason", string(reason), n)
	}
	for kind, n := range map[string]int{"model": s.cost.Models, "tool": s.cost.Tools} {
		addBy(ctx, t.ProcessorGenaiPrices, "call", kind, n)
	}
	for reason, n := range map[string]int{"unknown_model": s.cost.UnknownModels, "no_usage": s.cost.NoUsage,
		"bad_usage": s.cost.BadUsage} {
		addBy(ctx, t.ProcessorGenaiPricesMissing, "reason", reason, n)
	}
	for reason, n := range map[string]int{"cached_input": s.cost.Uncertain, "limited": s.cost.Limited} {
		addBy(ctx, t.ProcessorGenaiPricesUncertain, "reason", reason, n)
	}
	for change, n := range map[string]int{"removed": s.content.Removed, "hashed": s.content.Hashed,
		"masked": s.content.Masked} {
		addBy(ctx, t.ProcessorGenaiContentChanged, "change", change, n)
	}
	t.warn(s)
}

func addBy(ctx context.Context, counter metric.Int64Counter, key, value string, n int) {
	if n > 0 {
		counter.Add(ctx, int64(n), metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value))))
	}
}

// warn logs each kind of loss once.
func (t *telemetry) warn(s *stats) {
	if s.truncated != [2]int{} {
		t.once("truncated", "Some texts were counted in part: they are longer than tokens::max_text_size_mib or "+
			"previews that MLflow cut; their spans have token_count_truncated")
	}
	if s.skipped[scores.ReasonNameLimit] > 0 {
		t.once("names", "Assessments have more different names than assessments::max_names; scores with further "+
			"names are left out and counted")
	}
	if s.skipped[scores.ReasonSpanLimit] > 0 {
		t.once("metrics", "A span has more scores than assessments::max_metrics; the others are left out and counted")
	}
	if s.shared > 0 {
		t.once("collision", "Assessments of different names become one attribute; where a span has several, "+
			"assessments::on_duplicate chooses. Write assessments::rename to tell them apart",
			zap.String("attribute", s.sharedKey))
	}
	if s.cost.Uncertain > 0 {
		t.once("cached", "Calls of models report cached tokens, and nothing tells whether their input includes them; "+
			"it is taken as including them. Their spans have contract_cost_uncertain; "+
			"write cost::models[]::input_includes_cached to decide")
	}
	if s.cost.UnknownModels > 0 {
		t.once("models", "Calls of models without a price in cost::models stay without a cost and are counted")
	}
}

func (t *telemetry) once(key, message string, fields ...zap.Field) {
	if _, done := t.warned.LoadOrStore(key, true); !done {
		t.logger.Warn(message, fields...)
	}
}
