// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
)

// maxDocuments is how many documents of several numbers are read of one span. No dialect has more.
const maxDocuments = 3

// document is a value that holds several numbers of tokens.
type document struct {
	form  *usage.Document
	value pcommon.Value
}

func (s *Span) document(form *usage.Document, v pcommon.Value) {
	if s.numDocuments < maxDocuments {
		s.documents[s.numDocuments] = document{form, v}
		s.numDocuments++
	}
}

// Usage returns the numbers that the producer reports, without estimates of this processor. ok is
// false if there are neither input nor output tokens.
func (s *Span) Usage() (u *usage.Usage, ok bool) {
	if s.estimated {
		return &usage.Usage{}, false
	}
	for _, d := range s.documents[:s.numDocuments] {
		s.BadUsage += s.usage.Document(d.form, d.value)
	}
	s.numDocuments = 0
	return &s.usage, s.usage.Has(usage.FieldInput) || s.usage.Has(usage.FieldOutput)
}

// Cached returns what the producer of the span is known to do with cached tokens.
func (s *Span) Cached() usage.Cached {
	if s.usage.Apart() {
		return usage.CachedExcluded
	}
	return genai.CachedBy(s.Scope.Scope().Name(), s.Provider, s.OtherProvider)
}

// ReportedTokens returns what the span with index i reports as the usage of a call of a model:
// input includes cached tokens, output includes reasoning. ok is false for other spans, where
// nothing is reported but estimates, and where a span above it reports the same call.
func (b *Batch) ReportedTokens(i int) (input, output int64, ok bool) {
	if call, ok := b.Call(i); !ok || call != i {
		return 0, 0, false
	}
	s := &b.Spans[i]
	t := s.usage.Resolve(s.Cached())
	return t.Input, t.Output, true
}

// Call returns the index of the span that stands for the call of a model whose usage the span with
// index i reports: itself, or the topmost one above it that reports usage, since instrumentations
// nest spans for one call. ok is false for spans that report no usage of a model.
func (b *Batch) Call(i int) (call int, ok bool) {
	s := &b.Spans[i]
	return s.call, s.call != none && s.reports()
}

// PricedAbove reports whether a span above the one with index i is Priced.
func (b *Batch) PricedAbove(i int) bool {
	return b.above(i, func(s *Span) bool { return s.Priced }) != none
}

// IsModelCall reports whether the span is a call of a model. A span without a type that reports
// usage is one.
func (s *Span) IsModelCall() bool {
	switch s.Kind {
	case genai.KindLLM, genai.KindEmbedding, genai.KindRerank:
		return true
	case genai.KindTool:
		return false
	}
	if s.ranks[genai.FactKind] != 0 {
		return false
	}
	_, ok := s.Usage()
	return ok
}

// reports reports whether the span is a call of a model with reported numbers.
func (s *Span) reports() bool {
	if !s.IsModelCall() {
		return false
	}
	_, ok := s.Usage()
	return ok
}
