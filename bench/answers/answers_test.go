// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package answers measures what it costs that mlflow_report reads the answers to the collector's
// otlp_http exporter.
package answers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// block is how many requests one exporter sends before it is the other one's turn.
const block = 20

// BenchmarkAnswers sends the same units through otlp_http with and without the middleware, in turns,
// and reports the time of the processor for each and how many units the one with the middleware gets
// through while the other gets through one (ratio). The destination runs in the same process, so its
// time is in both.
func BenchmarkAnswers(b *testing.B) {
	for _, c := range []struct {
		traces      int
		media, body string
	}{
		{1, "application/x-protobuf", "\x0a\x00"},
		{8, "application/x-protobuf", "\x0a\x00"},
		{8, "application/json", `{"partialSuccess":{}}`},
		{64, "application/x-protobuf", "\x0a\x00"},
		{64, "application/json", `{"partialSuccess":{}}`},
	} {
		b.Run(fmt.Sprintf("traces=%d/%s", c.traces, path.Base(c.media)), func(b *testing.B) {
			address := destination(b, c.media, c.body)
			exporters := [2]exporter.Traces{open(b, address, false), open(b, address, true)}
			td := unit(c.traces)
			var spent [2]time.Duration
			b.ResetTimer()
			for range b.N {
				for which, e := range exporters {
					began := processorTime(b)
					for range block {
						ctx := progress.WithUnit(b.Context(), progress.NewUnit(td.SpanCount()))
						require.NoError(b, e.ConsumeTraces(ctx, td))
					}
					spent[which] += processorTime(b) - began
				}
			}
			n := float64(b.N * block)
			b.ReportMetric(float64(spent[0].Microseconds())/n, "without-µs/unit")
			b.ReportMetric(float64(spent[1].Microseconds())/n, "with-µs/unit")
			b.ReportMetric(float64(spent[0])/float64(spent[1]), "ratio")
		})
	}
}

// processorTime is the time that the processor has spent on this process.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// destination takes everything and gives an answer.
func destination(b *testing.B, media, body string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", media)
		_, _ = io.WriteString(w, body)
	}))
	b.Cleanup(s.Close)
	return s.URL
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// open starts an otlp_http exporter as config/otlp.yaml has it, with or without the middleware.
func open(b *testing.B, address string, middleware bool) exporter.Traces {
	id := component.MustNewID("mlflow_report")
	settings := map[string]any{"endpoint": address,
		"sending_queue": map[string]any{"wait_for_result": true, "block_on_overflow": true}}
	extensions := host{}
	if middleware {
		settings["middlewares"] = []any{map[string]any{"id": id.String()}}
		f := mlflowreportextension.NewFactory()
		cfg := f.CreateDefaultConfig()
		require.NoError(b, confmap.NewFromStringMap(map[string]any{
			"path": filepath.Join(b.TempDir(), "report.json")}).Unmarshal(cfg))
		ext, err := f.Create(b.Context(), extensiontest.NewNopSettings(f.Type()), cfg)
		require.NoError(b, err)
		extensions[id] = ext
		require.NoError(b, ext.Start(b.Context(), extensions))
	}
	f := otlphttpexporter.NewFactory()
	cfg := f.CreateDefaultConfig()
	require.NoError(b, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	e, err := f.CreateTraces(b.Context(), exportertest.NewNopSettings(f.Type()), cfg)
	require.NoError(b, err)
	require.NoError(b, e.Start(b.Context(), extensions))
	b.Cleanup(func() { require.NoError(b, e.Shutdown(context.Background())) })
	return e
}

// unit holds traces of five spans with inputs and outputs, about 20 kB for each trace.
func unit(traces int) ptrace.Traces {
	text := strings.Repeat("What the customer wrote, and what the model answered to it. ", 30)
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range 5 * traces {
		s := spans.AppendEmpty()
		s.SetTraceID([16]byte{0: 1, 14: byte(i / 5 >> 8), 15: byte(i / 5)})
		s.SetSpanID([8]byte{7: byte(i%5 + 1)})
		s.SetName("step")
		s.SetStartTimestamp(1_700_000_000_000_000_000)
		s.SetEndTimestamp(1_700_000_001_000_000_000)
		s.Attributes().PutStr("mlflow.spanInputs", text)
		s.Attributes().PutStr("mlflow.spanOutputs", text)
	}
	return td
}
