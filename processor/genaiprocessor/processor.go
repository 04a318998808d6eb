package genaiprocessor

import (
	"context"
	"encoding/hex"
	"sync"
	"unsafe"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/cost"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/encodings"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/scores"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// genaiProcessor refines batches of spans, several at the same time.
type genaiProcessor struct {
	cfg     *Config
	rules   *expressions
	chooser *encodings.Chooser
	scorer  *scores.Scorer
	pricer  *cost.Pricer
	policy  *content.Policy
	tel     *telemetry
	workers sync.Pool
}

func newProcessor(cfg *Config, set processor.Settings) (*genaiProcessor, error) {
	p := &genaiProcessor{cfg: cfg}
	var err error
	if p.rules, err = newExpressions(cfg, set.TelemetrySettings); err != nil {
		return nil, err
	}
	if p.chooser, err = encodings.New(cfg.Tokens.Engine, cfg.Tokens.ModelEncodings, cfg.Tokens.DefaultEncoding); err != nil {
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
		return &worker{genaiProcessor: p, text: text.Reader{Limit: cfg.Tokens.MaxTextSizeMiB << 20}}
	}
	return p, nil
}

// process implements processorhelper.ProcessTracesFunc.
func (p *genaiProcessor) process(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	w := p.workers.Get().(*worker)
	defer p.workers.Put(w)
	err := w.refine(ctx, td)
	p.tel.add(ctx, &w.stats)
	w.release()
	return td, err
}

// worker refines one batch at a time.
type worker struct {
	*genaiProcessor
	batch  batch.Batch
	text   text.Reader
	scores scores.List
	json   []byte
	eval   evaluation
	stats  stats
}

func (w *worker) release() {
	w.stats = stats{}
	w.batch.Release()
	w.text.Release()
	w.scores.Reset()
	if cap(w.json) > 1<<20 {
		w.json = nil
	}
}

// refine does everything in this order: what is counted and priced is what was said, before the policy takes it away.
func (w *worker) refine(ctx context.Context, td ptrace.Traces) error {
	w.batch.Read(td)
	w.eval = evaluation{mode: w.cfg.ErrorMode, failed: w.failed}
	for i := range w.batch.Spans {
		if err := w.tokens(ctx, i); err != nil {
			return err
		}
	}
	if w.cfg.Assessments.MaxMetrics > 0 {
		for i := range w.batch.Spans {
			if err := w.assessments(ctx, &w.batch.Spans[i]); err != nil {
				return err
			}
		}
	}
	w.stats.cost = w.pricer.Apply(td)
	w.stats.content = w.policy.Apply(td)
	return nil
}

func (w *worker) failed(key string) {
	w.stats.errors++
	if w.cfg.ErrorMode == ottl.IgnoreError {
		w.tel.once(key, "An expression failed for a span and is treated as if it gave nothing; further failures are counted only", zap.String("key", key))
	}
}

// assessments writes the scores of the assessments that a span carries, each on the span that it is about.
func (w *worker) assessments(ctx context.Context, s *batch.Span) error {
	list, ok := s.Assessments, s.HasAssessments
	if w.rules.assessments != nil || ok && len(w.rules.assessmentConditions) > 0 {
		if holds, err := w.eval.holds(ctx, w.rules.assessmentConditions, s); err != nil || !holds {
			return err
		}
		if v, found, err := w.eval.value(ctx, w.rules.assessments, s); err != nil {
			return err
		} else if found {
			list, ok = v, true
		}
	}
	if !ok {
		return nil
	}
	json := bytesOf(list.Str())
	if list.Type() != pcommon.ValueTypeStr {
		w.json = genai.ValueText(w.json[:0], list)
		json = w.json
	}
	id := s.SpanID()
	var carrier [2 * len(id)]byte
	hex.Encode(carrier[:], id[:])
	w.scorer.Select(&w.scores, string(carrier[:]), json, w.stats.skip)
	if len(w.scores.Metrics) == 0 {
		return nil
	}
	s.Attributes().EnsureCapacity(s.Attributes().Len() + len(w.scores.Metrics))
	for _, m := range w.scores.Metrics {
		target := s
		if m.SpanID != "" {
			if target = w.find(s.TraceID(), m.SpanID); target == nil {
				w.stats.skip(scores.SpanMissing, 1)
				continue
			}
		}
		target.Attributes().PutDouble(m.Key, m.Value)
		w.stats.scores++
	}
	return nil
}

// find returns the span of a trace whose id is written in hexadecimal digits, or nil.
func (w *worker) find(trace pcommon.TraceID, id string) *batch.Span {
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
