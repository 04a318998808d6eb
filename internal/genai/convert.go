// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Payloads says how values that are lists or objects are written.
type Payloads string

// The two ways: native values of OTLP, or one string of JSON text for each attribute.
const (
	PayloadsStructured Payloads = "structured"
	PayloadsJSON       Payloads = "json"
)

// scopeName is the name of the scope of all spans: MLflow doesn't keep the one they were recorded
// under. It has no version: a trace is the same whether it is read from a server, which knows its
// own, or from the store underneath.
const scopeName = "mlflow"

// Schema URLs of the conventions whose names are written: the core ones on the resource, those of
// GenAI (model/manifest.yaml of open-telemetry/semantic-conventions-genai, as of 2026-10) on the
// spans. Those have no release yet.
const (
	SchemaURL      = "https://opentelemetry.io/schemas/1.44.0"
	GenAISchemaURL = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
)

// unknownService is service.name where nothing tells it, in the form that the semantic conventions
// ask for.
const unknownService = "unknown_service:mlflow"

// Options of a Converter.
type Options struct {
	Payloads       Payloads // empty: Structured
	CaptureContent bool     // false: nothing that people or models wrote is converted, see the package documentation
}

// Stats counts what a conversion did.
type Stats struct {
	// Spans counts the spans that were written.
	Spans int
	// TooDeep and BigIntegers count what was written as JSON text because structured form can't
	// hold it: containers nested deeper than 24 levels, and integers beyond int64.
	TooDeep, BigIntegers int
	// BadUsage counts the numbers of tokens that are negative, fractional or no numbers. They are
	// left out of gen_ai.usage.*.
	BadUsage int
	// Dropped counts attributes, messages and parts of assessments that were left out because
	// content isn't captured.
	Dropped int
}

// Add adds o to s.
func (s *Stats) Add(o Stats) {
	s.Spans += o.Spans
	s.TooDeep += o.TooDeep
	s.BigIntegers += o.BigIntegers
	s.BadUsage += o.BadUsage
	s.Dropped += o.Dropped
}

// Converter turns MLflow traces into OpenTelemetry spans and log records. It may be used by several goroutines at
// the same time.
type Converter struct {
	opts    Options
	workers sync.Pool
}

// NewConverter returns a converter with the given options.
func NewConverter(opts Options) *Converter {
	if opts.Payloads == "" {
		opts.Payloads = PayloadsStructured
	}
	c := &Converter{opts: opts}
	c.workers.New = func() any {
		return &worker{asJSON: opts.Payloads == PayloadsJSON, capture: opts.CaptureContent}
	}
	return c
}

// worker converts one trace at a time.
type worker struct {
	asJSON, capture bool

	levels [maxDepth + 1]members // of the map that is being built at each depth; 0 is the attributes themselves
	marks  []string              // keys of the attributes, of the map at level 0, that hold JSON text
	texts  int                   // values that were written as strings of JSON text
	stats  Stats
}

// Append adds the spans of t to td, under the ResourceSpans of its service and experiment, which is
// found there or added, and returns what was converted. The strings of the spans share the memory
// of t; t isn't changed. A trace without spans adds nothing.
func (c *Converter) Append(td ptrace.Traces, exp mlflow.Experiment, t *mlflow.Trace) Stats {
	if len(t.Spans) == 0 {
		return Stats{}
	}
	w := c.workers.Get().(*worker)
	w.stats = Stats{Spans: len(t.Spans)}

	top := topmost(t.Spans)
	from := c.originOf(exp, t, &t.Spans[top])
	spans := from.scopeSpans(td).Spans()
	for i := range t.Spans {
		if i == top {
			w.span(spans.AppendEmpty(), &t.Spans[i], t, from.experimentID)
		} else {
			w.span(spans.AppendEmpty(), &t.Spans[i], nil, "")
		}
	}
	stats := w.stats
	c.workers.Put(w)
	return stats
}

// topmost returns the index of the span that trace-level data is written to: of those whose parent
// is not part of the trace the one that starts first.
func topmost(spans []mlflow.Span) int {
	var ids map[[8]byte]struct{} // for traces that are not small
	if len(spans) > 16 {
		ids = make(map[[8]byte]struct{}, len(spans))
		for i := range spans {
			ids[spans[i].ID] = struct{}{}
		}
	}
	inTrace := func(id [8]byte) bool {
		if ids != nil {
			_, ok := ids[id]
			return ok
		}
		for i := range spans {
			if spans[i].ID == id {
				return true
			}
		}
		return false
	}
	best, bestIsTop := 0, false
	for i := range spans {
		s := &spans[i]
		isTop := s.Parent == [8]byte{} || !inTrace(s.Parent)
		if isTop == bestIsTop && s.Start < spans[best].Start || isTop && !bestIsTop {
			best, bestIsTop = i, isTop
		}
	}
	return best
}

// serviceOf returns service.name: what the topmost span says, if there is one, or the last segment of the
// experiment's name.
func serviceOf(top *mlflow.Span, exp mlflow.Experiment) string {
	name := ""
	if top != nil {
		name = stringAttribute(top, ServiceName)
	}
	if name == "" {
		path := strings.TrimRight(exp.Name, "/")
		name = path[strings.LastIndexByte(path, '/')+1:]
	}
	if name = validString(strings.TrimSpace(name)); name == "" {
		return unknownService
	}
	return name
}

// stringAttribute returns the last attribute of that key, if it is a string.
func stringAttribute(s *mlflow.Span, key string) (value string) {
	for i := range s.Attributes {
		if a := &s.Attributes[i]; a.Key == key {
			value, _ = stringValue(a.Raw)
		}
	}
	return value
}

// origin is what the resource and the scope of a trace's spans and log records say.
type origin struct {
	service, experimentID, experimentName string
	payloads                              Payloads
}

// originOf returns the origin of a trace with this topmost span, nil for none.
func (c *Converter) originOf(exp mlflow.Experiment, t *mlflow.Trace, top *mlflow.Span) origin {
	if exp.ID == "" {
		exp.ID = t.Info.ExperimentID
	}
	return origin{serviceOf(top, exp), exp.ID, validString(exp.Name), c.opts.Payloads}
}

func (o *origin) matchesResource(r pcommon.Resource) bool {
	attrs := r.Attributes()
	return has(attrs, ServiceName, o.service) && has(attrs, ExperimentID, o.experimentID) &&
		has(attrs, ExperimentName, o.experimentName)
}

func (o *origin) matchesScope(scope pcommon.InstrumentationScope) bool {
	return scope.Name() == scopeName && has(scope.Attributes(), PayloadsMode, string(o.payloads))
}

func (o *origin) write(r pcommon.Resource, scope pcommon.InstrumentationScope) {
	attrs := r.Attributes()
	attrs.PutStr(ServiceName, o.service)
	attrs.PutStr(ExperimentID, o.experimentID)
	attrs.PutStr(ExperimentName, o.experimentName)
	scope.SetName(scopeName)
	scope.Attributes().PutStr(PayloadsMode, string(o.payloads))
}

// scopeSpans returns the spans of that origin in td, the newest first, or adds them.
func (o *origin) scopeSpans(td ptrace.Traces) ptrace.ScopeSpans {
	all := td.ResourceSpans()
	for i := all.Len() - 1; i >= 0; i-- {
		if rs := all.At(i); o.matchesResource(rs.Resource()) {
			for _, ss := range rs.ScopeSpans().All() {
				if o.matchesScope(ss.Scope()) {
					return ss
				}
			}
		}
	}
	rs := all.AppendEmpty()
	rs.SetSchemaUrl(SchemaURL)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl(GenAISchemaURL)
	o.write(rs.Resource(), ss.Scope())
	return ss
}

// scopeLogs is scopeSpans for log records.
func (o *origin) scopeLogs(ld plog.Logs) plog.ScopeLogs {
	all := ld.ResourceLogs()
	for i := all.Len() - 1; i >= 0; i-- {
		if rl := all.At(i); o.matchesResource(rl.Resource()) {
			for _, sl := range rl.ScopeLogs().All() {
				if o.matchesScope(sl.Scope()) {
					return sl
				}
			}
		}
	}
	rl := all.AppendEmpty()
	rl.SetSchemaUrl(SchemaURL)
	sl := rl.ScopeLogs().AppendEmpty()
	sl.SetSchemaUrl(GenAISchemaURL)
	o.write(rl.Resource(), sl.Scope())
	return sl
}

func has(attrs pcommon.Map, key, value string) bool {
	v, ok := attrs.Get(key)
	return ok && v.Str() == value
}
