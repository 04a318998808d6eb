// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// reportedCase is a line of testdata/cases.jsonl: spans as public reports describe them, or as a
// documented instrumentation writes them, and the values that the processor must write. All spans
// are one trace.
type reportedCase struct {
	ID     string
	GenAI  map[string]any
	Spans  []reportedSpan
	Expect map[string]map[string]any // by span and attribute, see fits
}

type reportedSpan struct {
	Name, Parent string
	Attributes   map[string]any
	Events       [][2]any // name and attributes
}

func TestReportedCases(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "cases.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	n := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var c reportedCase
		decode := json.NewDecoder(strings.NewReader(lines.Text()))
		decode.UseNumber()
		require.NoError(t, decode.Decode(&c))
		n++
		t.Run(c.ID, func(t *testing.T) {
			refined := refine(t, c.traces(t), func(cfg *Config) {
				require.NoError(t, confmap.NewFromStringMap(numbers(c.GenAI).(map[string]any)).Unmarshal(cfg))
				require.NoError(t, cfg.Validate())
			})
			got := map[string]map[string]any{}
			for _, s := range refined.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
				got[s.Name()] = s.Attributes().AsRaw()
			}
			for span, attributes := range c.Expect {
				for key, want := range attributes {
					have := got[span][key]
					assert.True(t, fits(numbers(want), have), "%s: %s is %v, expected %v", span, key, have, want)
				}
			}
		})
	}
	require.NoError(t, lines.Err())
	require.Positive(t, n)
}

func (c *reportedCase) traces(t *testing.T) ptrace.Traces {
	ids := map[string]byte{}
	for i, s := range c.Spans {
		ids[s.Name] = byte(i + 1)
	}
	td := ptrace.NewTraces()
	for _, s := range c.Spans {
		attributes, _ := numbers(s.Attributes).(map[string]any)
		span := addSpan(t, td, ids[s.Name], ids[s.Parent], attributes)
		span.SetName(s.Name)
		for _, e := range s.Events {
			event := span.Events().AppendEmpty()
			event.SetName(e[0].(string))
			require.NoError(t, event.Attributes().FromRaw(numbers(e[1]).(map[string]any)))
		}
	}
	return td
}

// numbers turns JSON numbers into integers where they are written as such, else into doubles.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = numbers(v[key])
		}
	}
	return v
}

// fits compares: numbers within a millionth, null with an absent attribute, {"below": x} and
// {"above": x} with numbers, {"not": text} with a value whose JSON does not hold the text.
func fits(want, have any) bool {
	number := func(v any) float64 {
		switch v := v.(type) {
		case int64:
			return float64(v)
		case float64:
			return v
		}
		return math.NaN()
	}
	switch want := want.(type) {
	case nil:
		return have == nil
	case map[string]any:
		if text, ok := want["not"]; ok {
			all, err := json.Marshal(have)
			return err == nil && have != nil && !strings.Contains(string(all), text.(string))
		}
		n := number(have)
		above, hasAbove := want["above"]
		below, hasBelow := want["below"]
		return !math.IsNaN(n) && (!hasAbove || n > number(above)) && (!hasBelow || n < number(below))
	case int64, float64:
		return math.Abs(number(have)-number(want)) <= 1e-6*max(math.Abs(number(want)), 1e-6)
	}
	return want == have
}
