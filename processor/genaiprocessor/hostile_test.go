// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/content"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/encodings"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// hostileTexts are texts on which searching, reading ahead or merging that isn't linear would take
// hours, or memory of many times their length.
func hostileTexts() map[string]string {
	// what is counted at all; what makes quadratic work take hours
	const most, size = 16 << 20 / shrunk, 1 << 20 / shrunk
	wrapped := func(before, inner, after string, depth int) string {
		return strings.Repeat(before, depth) + inner + strings.Repeat(after, depth)
	}
	numbers := "[" + strings.Repeat("1,", size/2) + "1]"
	return map[string]string{
		"one letter":       strings.Repeat("a", most),
		"letters in JSON":  `{"a": "` + strings.Repeat("a", most-9) + `"}`,
		"spaces":           strings.Repeat(" ", size),
		"quotes":           strings.Repeat(`"`, size),
		"brackets":         strings.Repeat("[", size),
		"lists":            wrapped("[", "", "]", size/2),
		"10,000 levels":    wrapped(`{"messages": [`, `"x"`, "]}", 5000),
		"100,000 levels":   wrapped(`{"a": `, "1", "}", 100_000/shrunk),
		"numbers in lists": wrapped("[", numbers, "]", 31),
		"numbers in data":  wrapped(`{"a": `, numbers, "}", 31),
		"numbers in calls": wrapped(`{"tool_calls": [{"function": {"arguments": `, numbers, "}}]}", 8),
		"small lists":      "[" + strings.Repeat("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]],", 20_000/shrunk) + "1]",
		"many members":     "{" + strings.Repeat(`"a": 1, `, 200_000/shrunk) + `"b": 2}`,
		"empty strings":    "[" + strings.Repeat(`"", `, size/4) + "1]",
		"escapes":          `"` + strings.Repeat(`\u0041`, size/4) + `"`,
		"backslashes":      `"` + strings.Repeat(`\\`, size/2) + `"`,
		"cut off":          strings.Repeat(`{"a": [`, size/8),
		"addresses":        strings.Repeat("a@example.com ", size/14),
		"an image": `{"messages": [{"role": "user", "content": "data:image/png;base64,` +
			strings.Repeat("A", size) + `"}]}`,
		"invalid UTF-8":     "\xff\xfe\xc3",
		"invalid JSON text": "{\"\xff\": \"\xf0\x9f\"}",
	}
}

// hostileSpans have one hostile thing each; the texts are where inputs, messages, scores and usage
// are looked for.
func hostileSpans() map[string]map[string]any {
	spans := map[string]map[string]any{}
	for name, s := range hostileTexts() {
		spans[name] = map[string]any{
			genai.SpanInputs: s, genai.SpanOutputs: map[string]any{"x": s}, genai.Assessments: s, genai.ChatUsage: s,
			"llm.input_messages.0.message.content": s, genai.RequestModel: s[:min(len(s), 100)],
		}
	}
	var list, object any = 1, 1
	for range 10_000 {
		list, object = []any{list}, map[string]any{"a": object}
	}
	wide, prompts, messages, scores := map[string]any{}, map[string]any{}, map[string]any{}, []any{}
	for i := range 100_000 / shrunk {
		name := fmt.Sprintf("%d@example.com", i)
		wide[name] = "[1, 2]"
		prompts[fmt.Sprintf("gen_ai.prompt.%d.%s", i%10, name)] = "a"
		messages[fmt.Sprintf("llm.input_messages.%d.message.content", i*i)] = "a"
		scores = append(scores, map[string]any{"name": name, "value": i})
	}
	wide[genai.SpanInputs], wide[genai.Assessments] = "x", scores
	spans["lists as values"] = map[string]any{genai.SpanInputs: list, genai.SpanOutputs: list, genai.Assessments: list,
		"gen_ai.input.messages": list}
	spans["objects as values"] = map[string]any{genai.SpanInputs: object, genai.SpanOutputs: object,
		genai.Assessments: object, "gen_ai.input.messages": object}
	spans["100,000 attributes"] = wide
	spans["100,000 prompts"] = prompts
	spans["100,000 messages"] = messages
	spans["no indexes"] = map[string]any{"llm.input_messages.99999999999999999999.message.content": "a",
		"llm.input_messages.-1.message.content": "a", "gen_ai.prompt..content": "a", "gen_ai.prompt.1": "b"}
	spans["no numbers"] = map[string]any{genai.SpanInputs: math.NaN(),
		genai.SpanOutputs: []any{math.NaN(), math.Inf(1), math.Inf(-1)}, genai.Assessments: []any{math.NaN(),
			map[string]any{"name": "a", "value": math.NaN()}}, genai.UsageInput: math.NaN()}
	spans["types"] = map[string]any{genai.SpanType: 5, genai.RequestModel: []any{1}, genai.JSONAttributes: "x",
		genai.Assessments: 5, genai.TokenCountEncoding: nil, genai.ChatUsage: 1.5, genai.SpanInputs: true}
	spans["bytes"] = map[string]any{genai.SpanInputs: []byte("\xff{\"a\": 1}"), "\xff": []byte{0},
		genai.Assessments: []byte("[]")}
	return spans
}

// Hostile spans neither panic nor stall nor take much more memory than they have, whatever the
// configuration.
func TestHostileSpans(t *testing.T) {
	changes := map[string]func(*Config){
		"raw":         func(c *Config) {},
		"text":        func(c *Config) { c.Tokens.Mode = text.ModeText },
		"tiktoken_go": func(c *Config) { c.Tokens.Engine = encodings.EngineTiktokenGo },
		"drop": func(c *Config) {
			c.Content.Action, c.Content.HashKey = content.ActionDrop, "a secret of sixteen bytes"
		},
		"mask": func(c *Config) {
			c.Content.Action, c.Content.HashKey = content.ActionMask, "a secret of sixteen bytes"
		},
		"hash": func(c *Config) {
			c.Content.Action, c.Content.HashKey = content.ActionHash, "a secret of sixteen bytes"
		},
	}
	const (
		slowest = time.Minute // each takes at most a few seconds
		most    = 1 << 30     // bytes allocated altogether, alive or not
	)
	spans := hostileSpans()
	for with, change := range changes {
		p, sink := newTest(t, func(c *Config) {
			c.Tokens.FillMissingUsage, c.Assessments.MaxMetrics = true, 10
			change(c)
		})
		// builds the tables of the encoding
		require.NoError(t, p.ConsumeTraces(t.Context(), one(t, map[string]any{genai.SpanInputs: "x"})))
		for name, span := range spans {
			sink.Reset()
			td := one(t, span)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			require.NoError(t, p.ConsumeTraces(t.Context(), td))
			require.Less(t, time.Since(start), slowest, "%s, %s", name, with)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most), "%s, %s", name, with)
			require.LessOrEqual(t, scoresOf(spanAt(sink.AllTraces()[0], 0)), 10, "%s, %s", name, with)
		}
	}
}

func scoresOf(s ptrace.Span) (n int) {
	for key := range written(s) {
		if strings.HasPrefix(key, "metric_") {
			n++
		}
	}
	return n
}
