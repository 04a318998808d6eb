// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package spans

import "github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/usage"

// highest is how many spans above a call are looked at.
const highest = 100

// ReportedTokens returns what the span with index i reports as the usage of a call of a language
// model. ok is false for other spans, where nothing is reported but estimates, and below a call
// that reports usage itself: instrumentations nest spans for one call.
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
	return s.usage.Of(usage.FieldInput), s.usage.Of(usage.FieldOutput), true
}

// reports reports whether the span is a call of a language model with reported numbers.
func (s *Span) reports() bool {
	if s.Kind != KindLLM || s.estimated {
		return false
	}
	if s.hasChatUsage && !(s.usage.Has(usage.FieldInput) && s.usage.Has(usage.FieldOutput)) {
		s.usage.Chat(s.chatUsage)
		s.hasChatUsage = false
	}
	return s.usage.Has(usage.FieldInput) || s.usage.Has(usage.FieldOutput)
}
