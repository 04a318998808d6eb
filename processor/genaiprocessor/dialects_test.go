// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/cost"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenSpan is what was written to one span.
type goldenSpan struct {
	Name string         `json:"name"`
	Raw  map[string]any `json:"raw"`
	Text map[string]any `json:"text"`
}

// Spans as the instrumentation libraries wrote them (testdata/dialects/record.py) get the counts of
// the golden files, with spans: all and at the root.
func TestDialects(t *testing.T) {
	files, err := filepath.Glob("testdata/dialects/*.json")
	require.NoError(t, err)
	tested := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".golden.json") {
			continue
		}
		tested++
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			input, err := os.ReadFile(file)
			require.NoError(t, err)
			outputs := map[string]ptrace.Traces{}
			for name, change := range map[string]func(*Config){
				"all raw":  func(c *Config) { c.Tokens.Spans = SpansAll },
				"all text": func(c *Config) { c.Tokens.Spans, c.Tokens.Mode = SpansAll, text.ModeText },
				"root":     nil,
			} {
				td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(input)
				require.NoError(t, err)
				outputs[name] = refine(t, td, change)
			}
			golden := map[string][]goldenSpan{"root": {}, "all": {}}
			each(outputs["all raw"], outputs["all text"], func(raw, human ptrace.Span) {
				golden["all"] = append(golden["all"], goldenSpan{raw.Name(), written(raw), written(human)})
			})
			each(outputs["root"], outputs["root"], func(raw, _ ptrace.Span) {
				if w := written(raw); len(w) > 0 {
					golden["root"] = append(golden["root"], goldenSpan{Name: raw.Name(), Raw: w})
				}
			})
			got, err := json.MarshalIndent(golden, "", " ")
			require.NoError(t, err)
			path := strings.TrimSuffix(file, ".json") + ".golden.json"
			if *update {
				require.NoError(t, os.WriteFile(path, append(got, '\n'), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(got))
		})
	}
	require.Equal(t, 7, tested)
}

// The same conversation has the same text, whichever library recorded it.
func TestDialectsAgree(t *testing.T) {
	const overhead = 4 // for each message, and 3 for the answer
	want := map[[2]int64]bool{{29 + 2*overhead + 3, 12}: true, {54 + 4*overhead + 3, 18}: true}
	for _, name := range []string{"openinference", "openllmetry", "fastapi", "mlflow_otlp", "mlflow_langgraph"} {
		input, err := os.ReadFile("testdata/dialects/" + name + ".json")
		require.NoError(t, err)
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(input)
		require.NoError(t, err)
		out := refine(t, td, func(c *Config) {
			c.Tokens.Spans, c.Tokens.Mode, c.Tokens.ChatOverhead = SpansLLM, text.ModeText, true
		})
		got := map[[2]int64]bool{}
		each(out, out, func(s, _ ptrace.Span) {
			request, ok := s.Attributes().Get(genai.TokenCountRequest)
			response, _ := s.Attributes().Get(genai.TokenCountResponse)
			if ok {
				got[[2]int64{request.Int(), response.Int()}] = true
			}
		})
		require.Equal(t, want, got, name)
	}
}

// Calls of the same model with the same usage cost the same, whichever library recorded them.
func TestDialectsCost(t *testing.T) {
	calls := map[string]int{"openinference": 2, "openllmetry": 2, "fastapi": 2, "mlflow_otlp": 2, "mlflow_langchain": 1,
		"mlflow_langgraph": 2}
	for name, want := range calls {
		input, err := os.ReadFile("testdata/dialects/" + name + ".json")
		require.NoError(t, err)
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(input)
		require.NoError(t, err)
		in, out := 1.0, 2.0
		price := cost.ModelPrice{Match: cost.ModelMatch{Model: "gpt-4o-mini*"},
			Rates: cost.Rates{Input: &in, Output: &out}}
		priced := refine(t, td, func(c *Config) { c.Cost.Models = []cost.ModelPrice{price} })
		got := 0
		each(priced, priced, func(s, _ ptrace.Span) {
			if v, ok := s.Attributes().Get(genai.CostTotal); ok {
				require.InDelta(t, (57*1+21*2)/1e6, v.Double(), 1e-12, "%s: %s", name, s.Name())
				got++
			}
		})
		require.Equal(t, want, got, name)
	}
}

// each calls f with the spans of two batches, pair by pair.
func each(a, b ptrace.Traces, f func(a, b ptrace.Span)) {
	for i, rs := range a.ResourceSpans().All() {
		for j, ss := range rs.ScopeSpans().All() {
			for k, s := range ss.Spans().All() {
				f(s, b.ResourceSpans().At(i).ScopeSpans().At(j).Spans().At(k))
			}
		}
	}
}
