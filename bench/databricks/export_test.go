// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databricks compares the databricks exporter with the collector's own exporter for OTLP
// over HTTP.
package databricks

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter"
)

// batch is what the mlflow receiver makes: 64 traces of five spans with inputs and outputs, about
// 1.5 MB.
func batch(seed int) ptrace.Traces {
	text := strings.Repeat("What the customer wrote, and what the model answered to it. ", 50)
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("mlflow.experimentId", "1")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range 64 * 5 {
		var trace [16]byte
		binary.BigEndian.PutUint64(trace[:], uint64(seed)+1)
		binary.BigEndian.PutUint64(trace[8:], uint64(i/5)+1)
		s := spans.AppendEmpty()
		s.SetTraceID(trace)
		s.SetSpanID([8]byte{7: byte(i%5 + 1)})
		s.SetName("step")
		s.SetStartTimestamp(1_700_000_000_000_000_000)
		s.SetEndTimestamp(1_700_000_001_000_000_000)
		if i%5 == 0 {
			s.Attributes().PutStr("mlflow.traceRequestId", "tr-source")
		} else {
			s.SetParentSpanID([8]byte{7: 1})
		}
		s.Attributes().PutStr("mlflow.spanType", "LLM")
		inputs := s.Attributes().PutEmptyMap("mlflow.spanInputs")
		for k := range 4 {
			m := inputs.PutEmptyMap(fmt.Sprint("message ", k))
			m.PutStr("role", "user")
			m.PutStr("content", text[:200+100*k])
		}
		s.Attributes().PutStr("mlflow.spanOutputs", text)
		for k := range 8 {
			s.Attributes().PutInt(fmt.Sprint("gen_ai.usage.", k), int64(k))
		}
	}
	return td
}

// sink takes every batch and answers all other questions with "no such API".
func sink(b *testing.B) (string, *atomic.Int64) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code": "ENDPOINT_NOT_FOUND", "message": "no such API"}`)
			return
		}
		got, _ := io.Copy(io.Discard, r.Body)
		n.Add(got)
	}))
	b.Cleanup(s.Close)
	return s.URL, &n
}

func open(b *testing.B, f exporter.Factory, settings map[string]any) exporter.Traces {
	settings["sending_queue"] = map[string]any{"wait_for_result": true, "block_on_overflow": true}
	cfg := f.CreateDefaultConfig()
	require.NoError(b, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	e, err := f.CreateTraces(b.Context(), exportertest.NewNopSettings(f.Type()), cfg)
	require.NoError(b, err)
	require.NoError(b, e.Start(b.Context(), componenttest.NewNopHost()))
	b.Cleanup(func() { require.NoError(b, e.Shutdown(context.Background())) })
	return e
}

// BenchmarkExport sends the same batches through both, with the same settings of the queue, from
// producers that wait for the result, without the bound of traces a second.
func BenchmarkExport(b *testing.B) {
	for _, producers := range []int{1, 4, 10} {
		for _, which := range []string{"databricks", "otlp_http"} {
			b.Run(fmt.Sprintf("producers=%d/%s", producers, which), func(b *testing.B) {
				address, n := sink(b)
				var e exporter.Traces
				if which == "databricks" {
					e = open(b, databricksexporter.NewFactory(), map[string]any{
						"host": address, "auth": map[string]any{"token": "token"}, "catalog": "main",
						"schema": "traces", "table_prefix": "agents", "traces_per_second": 0,
						"preflight": map[string]any{"on_failure": "warn"}, "verify": map[string]any{"when": "never"},
					})
				} else {
					e = open(b, otlphttpexporter.NewFactory(),
						map[string]any{"endpoint": address, "compression": "none"})
				}
				batches := make(chan ptrace.Traces, b.N)
				for i := range b.N {
					batches <- batch(i)
				}
				close(batches)
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range producers {
					wg.Go(func() {
						for td := range batches {
							if err := e.ConsumeTraces(b.Context(), td); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				b.SetBytes(n.Load() / int64(b.N))
			})
		}
	}
}
