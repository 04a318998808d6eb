// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// sampleLines are the lines about tokens, scores and cost that the summary of the sample store must
// have. The figures are not the collector's: counts and scores are what Python computed
// (processor/genaiprocessor/testdata/expected.py), usage is what MLflow's own client returns
// (testdata/sample/expected.jsonl.gz), and the cost is computed here.
func sampleLines(t *testing.T) []string {
	t.Helper()
	deleted := map[string]bool{} // traces of the deleted experiment, which nobody reads
	var input, output, calls, silent int64
	var cost float64
	// of config/prices-example.yaml
	prices := map[string]struct{ input, cached, output float64 }{"gpt-4o-mini": {0.12, 0.06, 0.48},
		"claude-sonnet-4-5": {2.40, 0.24, 12.00}}
	each(t, filepath.Join("testdata", "sample", "expected.jsonl.gz"), func(line []byte) {
		var trace struct {
			ExperimentID string `json:"experiment_id"`
			TraceID      string `json:"trace_id"`
			Spans        []struct {
				Attributes struct {
					Type  string `json:"mlflow.spanType"`
					Model string `json:"mlflow.llm.model"`
					Usage *struct {
						Input  int64 `json:"input_tokens"`
						Output int64 `json:"output_tokens"`
						Cached int64 `json:"cache_read_input_tokens"`
					} `json:"mlflow.chat.tokenUsage"`
				}
			}
		}
		require.NoError(t, json.Unmarshal(line, &trace))
		if trace.ExperimentID == "3" {
			deleted[strings.TrimPrefix(trace.TraceID, "tr-")] = true
			return
		}
		for _, s := range trace.Spans {
			switch u := s.Attributes.Usage; {
			case u != nil:
				require.Equal(t, "CHAT_MODEL", s.Attributes.Type)
				p, ok := prices[s.Attributes.Model]
				require.True(t, ok, s.Attributes.Model)
				calls++
				input += u.Input
				output += u.Output
				cost += (float64(u.Input-u.Cached)*p.input + float64(u.Cached)*p.cached + float64(
					u.Output)*p.output) / 1e6
			case s.Attributes.Type == "EMBEDDING":
				silent++
			}
		}
	})
	require.Len(t, deleted, 1)

	var counted, request, response int64
	count, sum := map[string]int{}, map[string]float64{}
	each(t, filepath.Join("processor", "genaiprocessor", "testdata", "expected.jsonl.gz"), func(line []byte) {
		var trace struct {
			Store   string
			TraceID string `json:"trace_id"`
			Spans   map[string]map[string]any
		}
		require.NoError(t, json.Unmarshal(line, &trace))
		if trace.Store != "sample" || deleted[trace.TraceID] {
			return
		}
		for _, s := range trace.Spans {
			if _, ok := s["token_count_encoding"]; ok {
				counted++
			}
			for key, v := range s {
				n, _ := v.(float64)
				switch {
				case key == "token_count_request":
					request += int64(n)
				case key == "token_count_response":
					response += int64(n)
				case strings.HasPrefix(key, "metric_"):
					count[key]++
					sum[key] += n
				}
			}
		}
	})
	require.Positive(t, counted)
	require.Len(t, count, 10)

	lines := []string{
		fmt.Sprintf("  tokens    counted: %d in requests, %d in responses, on %d spans", request, response, counted),
		fmt.Sprintf("            reported: %d input, %d output, by %d model calls", input, output, calls),
		fmt.Sprintf("  cost      $%.4g by price list \"example\", for %d model calls", cost, calls),
		fmt.Sprintf("            %d calls without usage, and so without cost", silent),
	}
	for i, name := range slices.Sorted(maps.Keys(count)) {
		head := "scores"
		if i > 0 {
			head = ""
		}
		mean := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", sum[name]/float64(count[name])), "0"), ".")
		lines = append(lines, fmt.Sprintf("  %-8s  %-26s  mean %-7s  on %d spans", head, name, mean, count[name]))
	}
	return lines
}

// each calls f for the lines of a compressed file of the checkout.
func each(t *testing.T, path string, f func(line []byte)) {
	t.Helper()
	file, err := os.Open(filepath.Join(collector.Root(), path))
	require.NoError(t, err)
	defer file.Close()
	z, err := gzip.NewReader(file)
	require.NoError(t, err)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		f(lines.Bytes())
	}
	require.NoError(t, lines.Err())
}
