// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

const (
	liveSpans  = 10  // of a trace
	liveMemory = 512 // MiB that the sidecar holds
)

// Agents send 300 spans per second to the shipped sidecar while TestSoak goes on beside it, and 1 % of the
// requests to the workspace break: everything arrives, and memory does not grow.
func TestLiveSoak(t *testing.T) {
	t.Parallel()
	sink, dir, intake := otlpsink.New(t), t.TempDir(), collector.FreeAddress(t)
	sink.CountOnly()
	to := NewProxy(t, workspace(t, sink))
	to.Script(Random(*seedFlag+2, soakFaults, Trouble))
	p := startSidecar(t, dir, intake, to.URL)
	refused := 0
	send := func(number int) { // as an agent does, which sends again what was not taken
		body := liveTrace(number)
		Eventually(t, func() bool {
			res, err := http.Post("http://"+intake+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
			if err != nil {
				refused++
				return false
			}
			if res.StatusCode != http.StatusOK {
				refused++
			}
			return res.Body.Close() == nil && res.StatusCode == http.StatusOK
		}, "the sidecar takes trace %d", number)
	}
	send(0)
	began, sent := time.Now(), 1
	memory := watchMemory(t, p, *soakFlag)
	refused = 0 // while it started
	tick := time.NewTicker(liveSpans * time.Second / soakSpans)
	defer tick.Stop()
	for ; time.Since(began) < *soakFlag; sent++ {
		<-tick.C
		send(sent)
		memory.look()
	}
	Eventually(t, func() bool { return sink.Distinct() == sent*liveSpans }, "%d spans arrive", sent*liveSpans)
	p.Signal(syscall.SIGTERM)
	p.Done(0)
	bad, asked := to.Faults()
	t.Logf("seed %d: %d spans in %v; %d requests to the sidecar were repeated; faults: %d of %d requests to the "+
		"workspace; all arrived, %d traces arrived again; resident memory in MiB: %s", *seedFlag, sent*liveSpans,
		time.Since(began).Round(time.Second), refused, bad, asked, sink.Repeated(), memory)
	assert.Less(t, memory.peak.MiB(), int64(liveMemory))
	memory.requireSteady(t)
}

// workspace returns the address of a fake workspace whose spans go to a sink: it counts them, and the
// workspace would keep them.
func workspace(t *testing.T, sink *otlpsink.Sink) string {
	t.Helper()
	at, err := url.Parse(newWorkspace(t).URL())
	require.NoError(t, err)
	rest := httputil.NewSingleHostReverseProxy(at)
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/otel/v1/traces") && r.ContentLength != 0 {
			sink.ServeHTTP(out, r)
			return
		}
		rest.ServeHTTP(out, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// startSidecar starts the shipped configuration of a sidecar as its README says.
func startSidecar(t *testing.T, dir, intake, workspace string) *collector.Process {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(collector.Root(), "config", "databricks-sidecar.yaml"))
	require.NoError(t, err)
	shipped := strings.NewReplacer("127.0.0.1:4318", intake, "127.0.0.1:4317", collector.FreeAddress(t)).
		Replace(string(text))
	require.Contains(t, shipped, intake)
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(shipped), 0o600))
	return collector.Command(t, dir, []string{"DATABRICKS_HOST=" + workspace, "DATABRICKS_CLIENT_ID=" + writer,
		"DATABRICKS_CLIENT_SECRET=" + secret, "OTELCOL_MLFLOW_CATALOG=" + tables.Catalog,
		"OTELCOL_MLFLOW_SCHEMA=" + tables.Schema, "OTELCOL_MLFLOW_PREFIX=" + tables.Prefix,
		"OTELCOL_MLFLOW_STATE=" + filepath.Join(dir, "state"), "GOMEMLIMIT=280MiB"},
		collector.Default(), "--config", config)
}

// liveTrace is an export request of one trace.
func liveTrace(number int) []byte {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	now := time.Now()
	for i := range liveSpans {
		s := spans.AppendEmpty()
		var id [16]byte
		binary.BigEndian.PutUint64(id[8:], uint64(number+1))
		s.SetTraceID(id)
		s.SetSpanID([8]byte{7: byte(i + 1)})
		if i > 0 {
			s.SetParentSpanID([8]byte{7: 1})
		}
		s.SetName("step")
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Second)))
		s.Attributes().PutStr("mlflow.spanType", "LLM")
		s.Attributes().PutStr("mlflow.spanInputs", strings.Repeat("hello world ", 100))
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		panic(err)
	}
	return body
}
