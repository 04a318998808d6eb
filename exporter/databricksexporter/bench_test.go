package databricksexporter

import (
	"bytes"
	"context"
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
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/destination"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
)

// sample is a batch as the mlflow receiver makes them: traces of five spans with inputs and outputs, about 1 MiB.
func sample(seed int) ptrace.Traces {
	td := spans("1", seed, 64, 5)
	text := strings.Repeat("What the customer wrote, and what the model answered to it. ", 50)
	for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		s.Attributes().PutStr("mlflow.spanType", "LLM")
		inputs := s.Attributes().PutEmptyMap("mlflow.spanInputs")
		for i := range 4 {
			m := inputs.PutEmptyMap(fmt.Sprint("message ", i))
			m.PutStr("role", "user")
			m.PutStr("content", text[:200+100*i])
		}
		s.Attributes().PutStr("mlflow.spanOutputs", text)
		for i := range 8 {
			s.Attributes().PutInt(fmt.Sprint("gen_ai.usage.", i), int64(i))
		}
	}
	return td
}

// sink takes everything and counts bytes.
func sink(b *testing.B) (*httptest.Server, *atomic.Int64) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.Copy(io.Discard, r.Body)
		n.Add(got)
	}))
	b.Cleanup(s.Close)
	return s, &n
}

// BenchmarkExport is the throughput of the whole exporter with its queue, against a sink on loopback, without the bound of traces, beside what the collector's own exporter for
// OTLP over HTTP does with the same queue: marshal and post. RunParallel's goroutines are producers that wait for the result.
func BenchmarkExport(b *testing.B) {
	for name, build := range map[string]func(*testing.B, string) exporter.Traces{"databricks": ours, "as_otlp_http": stock} {
		for _, producers := range []int{1, 4} {
			b.Run(fmt.Sprintf("%s/producers=%d", name, producers), func(b *testing.B) {
				server, n := sink(b)
				e := build(b, server.URL)
				require.NoError(b, e.Start(b.Context(), componenttest.NewNopHost()))
				b.Cleanup(func() { require.NoError(b, e.Shutdown(context.Background())) })
				batches := make(chan ptrace.Traces, b.N)
				for i := range b.N {
					batches <- sample(i)
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

func ours(b *testing.B, address string) exporter.Traces {
	cfg := createDefaultConfig().(*Config)
	cfg.Host = address
	cfg.Auth.Credentials.Token = "token"
	cfg.Catalog, cfg.Schema, cfg.TablePrefix = "main", "traces", "agents"
	cfg.TracesPerSecond = 0
	cfg.gate = destination.OpenGate{}
	e, err := NewFactory().CreateTraces(b.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
	require.NoError(b, err)
	return e
}

// stock is built of the same parts as the collector's exporter, with its settings for HTTP but without compression.
func stock(b *testing.B, address string) exporter.Traces {
	set := exportertest.NewNopSettings(metadata.Type)
	cfg := createDefaultConfig().(*Config)
	settings := confighttp.NewDefaultClientConfig()
	settings.WriteBufferSize = 512 << 10
	client, err := settings.ToClient(b.Context(), nil, set.TelemetrySettings)
	require.NoError(b, err)
	e, err := exporterhelper.NewTraces(b.Context(), set, cfg, func(ctx context.Context, td ptrace.Traces) error {
		body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-protobuf")
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res.Body.Close()
	}, exporterhelper.WithQueue(cfg.Queue), exporterhelper.WithRetry(cfg.Retry), exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}))
	require.NoError(b, err)
	return e
}
