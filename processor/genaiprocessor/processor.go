// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"context"
	"encoding/hex"
	"sync"
	"unsafe"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/cost"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/encodings"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/scores"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/tally"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// genaiProcessor refines batches of spans or log records, several at the same time.
type genaiProcessor struct {
	cfg     *Config
	id      component.ID
	rules   *expressions
	chooser *encodings.Chooser
	scorer  *scores.Scorer
	pricer  *cost.Pricer
	policy  *content.Policy
	tel     *telemetry
	workers sync.Pool
	tally   *tally.Tally
	sink    progress.RefinementSink // nil without the mlflow_report extension
}

func newProcessor(cfg *Config, set processor.Settings) (*genaiProcessor, error) {
	p := &genaiProcessor{cfg: cfg, id: set.ID, tally: tally.New()}
	var err error
	if p.rules, err = newExpressions(cfg, set.TelemetrySettings); err != nil {
		return nil, err
	}
	if p.chooser, err = encodings.New(cfg.Tokens.Engine, cfg.Tokens.ModelEncodings,
		cfg.Tokens.DefaultEncoding); err != nil {
		return nil, err
	}
	if p.scorer, err = scores.New(cfg.Assessments.Config); err != nil {
		return nil, err
	}
	if p.pricer, err = cost.New(cfg.Cost); err != nil {
		return nil, err
	}
	if p.policy, err = content.New(cfg.Content); err != nil {
		return nil, err
	}
	if p.tel, err = newTelemetry(set.TelemetrySettings); err != nil {
		return nil, err
	}
	p.workers.New = func() any {
		return &worker{genaiProcessor: p, stripe: p.tally.Stripe(),
			text: text.Reader{Limit: cfg.Tokens.MaxTextSizeMiB << 20, Media: cfg.Tokens.Media}}
	}
	return p, nil
}

// start finds the extension that the report is for.
func (p *genaiProcessor) start(_ context.Context, host component.Host) error {
	p.sink = progress.Find[progress.RefinementSink](host)
	return nil
}

// shutdown reports what was done. Receivers have stopped before.
func (p *genaiProcessor) shutdown(context.Context) error {
	if p.sink == nil {
		return nil
	}
	r := p.tally.Sum(p.scorer.Keys())
	r.Processor, r.PriceList, r.Currency = p.id, p.cfg.Cost.PriceList, p.pricer.Currency()
	r.Prices = len(p.cfg.Cost.Models)+len(p.cfg.Cost.Tools) > 0
	p.sink.PublishRefinement(r)
	p.sink = nil
	return nil
}

// process implements processorhelper.ProcessTracesFunc.
func (p *genaiProcessor) process(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	w := p.workers.Get().(*worker)
	defer p.workers.Put(w)
	unit := progress.UnitOf(ctx)
	if p.cfg.Content.Action != content.ActionKeep {
		unit.WithholdNames()
	}
	w.refined = newRefinement(unit)
	err := w.refine(ctx, td)
	p.tel.add(ctx, &w.stats)
	if err == nil {
		w.keep()
		w.refined.tell(unit, p.id)
	}
	w.release()
	return td, err
}

// worker refines one batch at a time.
type worker struct {
	*genaiProcessor
	batch  spans.Batch
	text   text.Reader
	scores scores.List
	json   []byte
	eval   evaluation
	stats  stats
	counts tally.Counts
	stripe *tally.Stripe
	// refined is what is done with each trace; nil where no receiver of this repository asks for it.
	refined *refinement
}

func (w *worker) release() {
	w.stats, w.refined = stats{}, nil
	w.counts = tally.Counts{Scores: w.counts.Scores[:0]}
	if cap(w.counts.Scores) > 1<<14 {
		w.counts.Scores = nil
	}
	w.batch.Release()
	w.text.Release()
	w.scores.Reset()
	if cap(w.json) > 1<<20 {
		w.json = nil
	}
}

// refine does everything in this order: what is counted and priced is what was said, before the
// policy takes it away.
func (w *worker) refine(ctx context.Context, td ptrace.Traces) error {
	w.batch.Read(td)
	w.look()
	w.eval = evaluation{mode: w.cfg.ErrorMode, failed: w.failed}
	for i := range w.batch.Spans {
		before := w.stats
		if err := w.tokens(ctx, i); err != nil {
			return err
		}
		w.refined.counted(&w.batch.Spans[i], &before, &w.stats)
	}
	if w.cfg.Assessments.MaxMetrics > 0 {
		for i := range w.batch.Spans {
			if err := w.assessments(ctx, &w.batch.Spans[i]); err != nil {
				return err
			}
		}
	}
	w.stats.cost = w.pricer.Apply(&w.batch)
	w.refined.calls(&w.batch)
	w.stats.content = w.policy.Apply(td)
	return nil
}

// look counts what the spans of the batch are and report. The values that they hold are those
// before anything is changed.
func (w *worker) look() {
	c := &w.counts.Sums
	for i := range w.batch.Spans {
		s := &w.batch.Spans[i]
		if !s.GenAI {
			continue
		}
		c.Spans++
		if !s.IsModelCall() {
			continue
		}
		c.ModelCalls++
		if input, output, ok := w.batch.ReportedTokens(i); ok {
			c.Reported++
			c.ReportedInput += input
			c.ReportedOutput += output
		}
	}
}

// keep adds what was done with the batch to the sums of the process.
func (w *worker) keep() {
	c, cost := &w.counts.Sums, &w.stats.cost
	c.Counted = int64(w.stats.spans)
	c.CountedRequest = int64(w.stats.tokens[spans.DirectionRequest])
	c.CountedResponse = int64(w.stats.tokens[spans.DirectionResponse])
	for reason, n := range w.stats.skipped {
		if c.LeftOut == nil {
			c.LeftOut = map[string]int64{}
		}
		c.LeftOut[string(reason)] = int64(n)
	}
	c.SharedScores = int64(w.stats.shared)
	c.MediaCounted, c.MediaSkipped = int64(w.stats.media[mediaCounted]), int64(w.stats.media[mediaSkipped])
	c.Cost, c.Priced, c.PricedTools = cost.Cost, int64(cost.Models), int64(cost.Tools)
	c.Uncertain, c.Limited = int64(cost.Uncertain), int64(cost.Limited)
	c.Unpriced, c.WithoutUsage = int64(cost.UnknownModels), int64(cost.NoUsage)
	w.stripe.Add(&w.counts)
}

func (w *worker) failed(key string) {
	w.stats.errors++
	if w.cfg.ErrorMode == ottl.IgnoreError {
		w.tel.once(key,
			"An expression failed for a span and is treated as if it gave nothing; further failures are counted only",
			zap.String("key", key))
	}
}

// assessments writes the scores of the assessments that a span carries, each on the span that it is
// about.
func (w *worker) assessments(ctx context.Context, s *spans.Span) error {
	list, ok := s.Assessments, s.HasAssessments
	carries := ok || len(s.Evaluations) > 0
	if w.rules.assessments != nil || carries && len(w.rules.assessmentConditions) > 0 {
		if holds, err := w.eval.holds(ctx, w.rules.assessmentConditions, s); err != nil || !holds {
			return err
		}
		if v, found, err := w.eval.value(ctx, w.rules.assessments, s); err != nil {
			return err
		} else if found {
			list, ok = v, true
		}
	}
	if !ok && len(s.Evaluations) == 0 {
		return nil
	}
	var texts [2][]byte
	n := 0
	if ok {
		if list.Type() == pcommon.ValueTypeStr {
			texts[n] = bytesOf(list.Str())
		} else {
			w.json = genai.ValueText(w.json[:0], list)
			texts[n] = w.json
		}
		n++
	}
	if len(s.Evaluations) > 0 {
		texts[n] = scores.OfEvents(s.Evaluations)
		n++
	}
	id := s.SpanID()
	var carrier [2 * len(id)]byte
	hex.Encode(carrier[:], id[:])
	w.scorer.Select(&w.scores, string(carrier[:]), w.stats.skip, texts[:n]...)
	if len(w.scores.Metrics) == 0 {
		return nil
	}
	s.Attributes().EnsureCapacity(s.Attributes().Len() + len(w.scores.Metrics))
	for i, m := range w.scores.Metrics {
		target := s
		if m.SpanID != "" {
			if target = w.find(s.TraceID(), m.SpanID); target == nil {
				w.stats.skip(scores.ReasonSpanMissing, 1)
				continue
			}
		}
		target.Attributes().PutDouble(m.Key, m.Value)
		w.scored(m)
		w.refined.score(target, m.Key, w.scores.Source(i), m.Value)
	}
	return nil
}

// scored counts a score that was written.
func (w *worker) scored(m scores.Metric) {
	w.stats.scores++
	w.counts.Scores = append(w.counts.Scores, tally.Score{Index: m.Index, Value: m.Value})
	if m.Shared {
		w.stats.shared++
		w.stats.sharedKey = m.Key
	}
}

// find returns the span of a trace whose id is written in hexadecimal digits, or nil.
func (w *worker) find(trace pcommon.TraceID, id string) *spans.Span {
	var span pcommon.SpanID
	if len(id) != 2*len(span) {
		return nil
	}
	if _, err := hex.Decode(span[:], bytesOf(id)); err != nil {
		return nil
	}
	return w.batch.Find(trace, span)
}

// bytesOf returns the bytes of s, which must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
