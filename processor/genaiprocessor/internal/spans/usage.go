// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/usage"
)

// The documents that hold several numbers of tokens.
const (
	documentMLflow = iota
	documentLangfuse
)

func (s *Span) document(i int, v pcommon.Value) { s.documents[i], s.hasDocuments[i] = v, true }

// Usage returns the numbers that the producer reports, without estimates of this processor. ok is
// false if there are neither input nor output tokens.
func (s *Span) Usage() (u *usage.Usage, ok bool) {
	if s.estimated {
		return &usage.Usage{}, false
	}
	for i, read := range [...]func(*usage.Usage, pcommon.Value) int{(*usage.Usage).Chat, (*usage.Usage).Langfuse} {
		if s.hasDocuments[i] {
			s.BadUsage += read(&s.usage, s.documents[i])
			s.hasDocuments[i] = false
		}
	}
	return &s.usage, s.usage.Has(usage.FieldInput) || s.usage.Has(usage.FieldOutput)
}

// Cached returns what the producer of the span is known to do with cached tokens.
//
//   - OpenAI's and Google's APIs report an input that includes them, and so do all instrumentations
//     of their clients that were checked.
//   - Langfuse's types of usage do not contain each other.
//   - OpenLLMetry's package for Bedrock reports Bedrock's inputTokens, which excludes them.
func (s *Span) Cached() usage.Cached {
	switch {
	case s.usage.IsLangfuse():
		return usage.CachedExcluded
	case s.Scope.Scope().Name() == "opentelemetry.instrumentation.bedrock":
		return usage.CachedExcluded
	}
	for _, provider := range [...]string{s.Provider, s.OtherProvider} {
		for _, known := range [...]string{"openai", "azure", "gemini", "google", "gcp", "vertex"} {
			if strings.HasPrefix(provider, known) {
				return usage.CachedIncluded
			}
		}
	}
	return usage.CachedUnknown
}

// highest is how many spans above a call are checked.
const highest = 100

// ReportedTokens returns what the span with index i reports as the usage of a call of a language
// model: input includes cached tokens, output includes reasoning. ok is false for other spans,
// where nothing is reported but estimates, and below a call that reports usage itself:
// instrumentations nest spans for one call.
func (b *Batch) ReportedTokens(i int) (input, output int64, ok bool) {
	s := &b.Spans[i]
	if !s.reports() {
		return 0, 0, false
	}
	for range highest {
		if i = b.Spans[i].parent; i == none {
			break
		}
		if b.Spans[i].reports() {
			return 0, 0, false
		}
	}
	t := s.usage.Resolve(s.Cached())
	return t.Input, t.Output, true
}

// reports reports whether the span is a call of a language model with reported numbers.
func (s *Span) reports() bool {
	if s.Kind != KindLLM {
		return false
	}
	_, ok := s.Usage()
	return ok
}
