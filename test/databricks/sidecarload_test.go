// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

const (
	// sidecarLimit is the memory that the shipped sidecar holds, in MiB.
	sidecarLimit = 512
	// requestLimit is the largest request that it takes, in bytes.
	requestLimit = 4 << 20
	// softLimit is GOMEMLIMIT as docs/how-to/sidecar.md recommends it for the sidecar.
	softLimit = "280MiB"
	// atOnce is how many requests are sent at the same time.
	atOnce = 40
)

// The shipped sidecar takes every request of up to 4 MiB, refuses larger ones, and holds its memory
// while forty of either come at the same time, by both protocols.
func TestSidecarHoldsItsMemory(t *testing.T) {
	protocols := map[string]func(t *testing.T, http, grpc string) sender{"http": overHTTP, "grpc": overGRPC}
	for protocol, dial := range protocols {
		t.Run(protocol, func(t *testing.T) {
			dir := t.TempDir()
			workspace, byHTTP, byGRPC := collector.FreeAddress(t), collector.FreeAddress(t), collector.FreeAddress(t)
			w := databrickstest.New(databrickstest.Options{Address: workspace})
			t.Cleanup(w.Close)
			w.AddServicePrincipal(writer, secret)
			table := agents.Table(unity.SignalSpans, unity.LayoutV2).String()
			w.CreateTables(agents, unity.LayoutV2)
			w.GrantWriting(writer, table)
			p := sidecar(t, dir, workspace, byHTTP, byGRPC)
			peak := collector.WatchPeak(t, p)
			send := dial(t, byHTTP, byGRPC)
			assert.True(t, send(t, agentTrace(atOnce, 1000)).taken) // it runs

			large := agentTrace(math.MaxUint16, 19_000_000)
			together(atOnce, func(int) {
				a := send(t, large)
				assert.True(t, a.tooLarge, "%+v", a)
			})
			t.Logf("peak after %d requests of 19 MB at once: %d MiB", atOnce, collector.WatchPeak(t, p).MiB())
			together(atOnce, func(n int) {
				assert.True(t, send(t, agentTrace(n, requestLimit)).taken)
			})
			t.Logf("peak after %d requests of 4 MiB at once: %d MiB", atOnce, collector.WatchPeak(t, p).MiB())
			arrived := func() int {
				spans := map[[2]any]bool{} // what is sent again is there twice
				for _, r := range w.Rows(table) {
					spans[[2]any{r["trace_id"], r["span_id"]}] = true
				}
				return len(spans)
			}
			require.Eventually(t, func() bool { return arrived() == 1+atOnce*spansOf(requestLimit) }, patience,
				time.Second, "not everything that was taken arrived")
			require.False(t, p.Ended())
			got := peak.MiB()
			t.Logf("peak: %d MiB", got)
			assert.Less(t, got, int64(sidecarLimit))
			p.Kill()
		})
	}
}

// sidecar starts the shipped configuration as that page says.
func sidecar(t *testing.T, dir, workspace, byHTTP, byGRPC string) *collector.Process {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(collector.Root(), "config", "databricks-sidecar.yaml"))
	require.NoError(t, err)
	config := filepath.Join(dir, "config.yaml")
	shipped := strings.NewReplacer("127.0.0.1:4318", byHTTP, "127.0.0.1:4317", byGRPC).Replace(string(text))
	require.Contains(t, shipped, byHTTP)
	require.NoError(t, os.WriteFile(config, []byte(shipped), 0o600))
	return collector.Command(t, dir, []string{
		"DATABRICKS_HOST=http://" + workspace, "DATABRICKS_CLIENT_ID=" + writer, "DATABRICKS_CLIENT_SECRET=" + secret,
		"OTELCOL_MLFLOW_CATALOG=" + agents.Catalog, "OTELCOL_MLFLOW_SCHEMA=" + agents.Schema, "OTELCOL_MLFLOW_PREFIX=" +
			agents.Prefix, "OTELCOL_MLFLOW_STATE=" + filepath.Join(dir, "state"), "GOMEMLIMIT=" + softLimit,
	}, collector.Default(), "--config", config)
}

// textOf is the length of the text of a span of agentTrace.
const textOf = 60 << 10

func spansOf(size int) int { return max(1, size/(textOf+512)) }

// agentTrace is an export request of one trace, of at most size bytes and not much less.
func agentTrace(number, size int) []byte {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	text := strings.Repeat("hello world ", textOf/12+1)[:min(textOf, size)]
	now := time.Now()
	for i := range spansOf(size) {
		s := spans.AppendEmpty()
		var id [16]byte
		binary.BigEndian.PutUint64(id[8:], uint64(number+1))
		s.SetTraceID(id)
		s.SetSpanID([8]byte{0: 1, 6: byte(i >> 8), 7: byte(i)})
		if i > 0 {
			s.SetParentSpanID([8]byte{0: 1})
		}
		s.SetName("step")
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Second)))
		s.Attributes().PutStr("mlflow.spanType", "AGENT")
		s.Attributes().PutStr("mlflow.spanInputs", text)
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		panic(err)
	}
	return body
}

// answered is how a request ended.
type answered struct {
	taken, tooLarge bool
	text            string
}

// sender sends a request until it is taken or refused for good.
type sender func(t *testing.T, body []byte) answered

func overHTTP(_ *testing.T, address, _ string) sender {
	return func(t *testing.T, body []byte) (a answered) {
		assert.Eventually(t, func() bool {
			res, err := http.Post("http://"+address+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
			if err != nil {
				a = answered{text: err.Error()}
				return false
			}
			defer res.Body.Close()
			text, _ := io.ReadAll(res.Body)
			a = answered{taken: res.StatusCode == http.StatusOK, text: res.Status + " " + string(text)}
			a.tooLarge = res.StatusCode == http.StatusBadRequest && strings.Contains(a.text, "request body too large")
			return a.taken || a.tooLarge
		}, patience, 50*time.Millisecond)
		return a
	}
}

func overGRPC(t *testing.T, _, address string) sender {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	client := ptraceotlp.NewGRPCClient(conn)
	return func(t *testing.T, body []byte) (a answered) {
		request := ptraceotlp.NewExportRequest()
		require.NoError(t, request.UnmarshalProto(body))
		assert.Eventually(t, func() bool {
			_, err := client.Export(context.Background(), request)
			a = answered{taken: err == nil, tooLarge: status.Code(err) == codes.ResourceExhausted &&
				strings.Contains(err.Error(), "larger than max")}
			if err != nil {
				a.text = err.Error()
			}
			return a.taken || a.tooLarge
		}, patience, 50*time.Millisecond)
		return a
	}
}

// together calls f n times at the same time.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}
