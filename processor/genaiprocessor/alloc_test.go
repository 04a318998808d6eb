// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race && unix

package genaiprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/cost"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// What the processor allocates for a batch is what writing its attributes allocates, and a little
// for the batch as a whole.
func TestAllocations(t *testing.T) {
	in, out := 1.0, 2.0
	tests := map[string]struct {
		text   string
		change func(*Config)
		fill   func(ptrace.Span)
		wrote  int // attributes on the 400 spans
	}{
		"no text":      {"", nil, nil, 0},
		"counted":      {english, nil, nil, 400 * 4},
		"at the roots": {english, func(c *Config) { c.Tokens.Spans = SpansRoot }, nil, 100 * 4},
		"as text":      {english, func(c *Config) { c.Tokens.Mode = text.ModeText }, nil, 400 * 4},
		"multilingual": {multilingual, nil, nil, 400 * 4},
		"JSON text": {"", nil, func(s ptrace.Span) {
			s.Attributes().PutStr(genai.SpanInputs, `{"messages": [{"role": "user", "content": "`+english+`"}]}`)
			s.Attributes().PutEmptySlice(genai.JSONAttributes).AppendEmpty().SetStr(genai.SpanInputs)
		}, 400 * 3},
		"scored": {"", nil, func(s ptrace.Span) {
			s.Attributes().PutStr(genai.Assessments,
				`[{"assessment_id": "a-1", "assessment_name": "relevance", "feedback": {"value": "yes"}, `+
					`"last_update_time": "2026-03-02T07:16:06.430Z"},
				{"assessment_id": "a-2", "assessment_name": "length", "feedback": {"value": 115}}, `+
					`{"assessment_id": "a-3", "assessment_name": "expected", "expectation": {"value": "x"}}]`)
		}, 400 * 2},
		"scored, structured": {"", nil, func(s ptrace.Span) {
			a := s.Attributes().PutEmptySlice(genai.Assessments).AppendEmpty().SetEmptyMap()
			a.PutStr("assessment_name", "relevance")
			a.PutEmptyMap("feedback").PutBool("value", true)
		}, 400},
		"priced": {"", func(c *Config) {
			c.Cost.Models = []cost.ModelPrice{{Match: cost.ModelMatch{Model: "gpt-4o*"},
				Rates: cost.Rates{Input: &in, Output: &out}}}
		}, nil, 100 * 4},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			td, _ := benchTraces(tt.text, 200*min(len(tt.text), 1))
			each(td, td, func(s, _ ptrace.Span) {
				if tt.fill != nil {
					tt.fill(s)
				}
			})
			cfg := createDefaultConfig().(*Config)
			cfg.Tokens.Spans = SpansAll
			if tt.change != nil {
				tt.change(cfg)
			}
			p, err := newProcessor(cfg, processortest.NewNopSettings(metadata.Type))
			require.NoError(t, err)
			process := func() {
				if _, err := p.process(t.Context(), td); err != nil {
					t.Fatal(err)
				}
			}
			bare := ptrace.NewTraces()
			td.CopyTo(bare)
			process() // builds tables and buffers
			written := difference(bare, td)
			require.Len(t, written, tt.wrote)
			run := testing.AllocsPerRun(10, func() {
				takeBack(td)
				process()
			})
			writing := testing.AllocsPerRun(10, func() {
				takeBack(td)
				for _, w := range written {
					put(w.to, w.key, w.value)
				}
			})
			assert.LessOrEqual(t, run-writing, 40.0,
				"%v allocations for a batch of 400 spans, %v of them for the attributes written", run, writing)
		})
	}
}

type writtenAttribute struct {
	to    pcommon.Map
	key   string
	value pcommon.Value
}

// difference returns the attributes that after has and before hasn't.
func difference(before, after ptrace.Traces) (list []writtenAttribute) {
	each(before, after, func(b, a ptrace.Span) {
		for key, v := range a.Attributes().All() {
			if _, had := b.Attributes().Get(key); !had {
				value := pcommon.NewValueEmpty()
				v.CopyTo(value)
				list = append(list, writtenAttribute{a.Attributes(), key, value})
			}
		}
	})
	return list
}

func put(m pcommon.Map, key string, v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		m.PutInt(key, v.Int())
	case pcommon.ValueTypeDouble:
		m.PutDouble(key, v.Double())
	case pcommon.ValueTypeBool:
		m.PutBool(key, v.Bool())
	default:
		m.PutStr(key, v.Str())
	}
}

// takeBack removes what the processor writes.
func takeBack(td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				s.Attributes().RemoveIf(func(key string, _ pcommon.Value) bool {
					for _, prefix := range []string{"token_count_", "metric_", "contract_cost_"} {
						if len(key) > len(prefix) && key[:len(prefix)] == prefix {
							return true
						}
					}
					return false
				})
			}
		}
	}
}
