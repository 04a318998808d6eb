package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// TestDemo runs the program, delivers a span with the token of its flag and reads what it says at the end.
func TestDemo(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-location", "main.traces.agents", "-token", "dapi-x", "-service-principal", "app:s"}, w, io.Discard)
		_ = w.Close()
	}()
	lines := bufio.NewScanner(r)
	require.True(t, lines.Scan())
	url := strings.Fields(lines.Text())[1]
	require.True(t, strings.HasPrefix(url, "http://127.0.0.1:"))
	require.True(t, lines.Scan())
	require.True(t, lines.Scan())
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("x")
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	req, err := http.NewRequest("POST", url+"/api/2.0/otel/v1/traces", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header = http.Header{"Authorization": {"Bearer dapi-x"}, "Content-Type": {"application/x-protobuf"},
		"X-Databricks-Uc-Table-Name": {"main.traces.agents_otel_spans"}}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	stop()
	var rest []string
	for lines.Scan() {
		rest = append(rest, strings.TrimSpace(lines.Text()))
	}
	require.NoError(t, <-done)
	require.Equal(t, []string{
		"0 rows  main.traces.agents_otel_annotations", "0 rows  main.traces.agents_otel_logs", "0 rows  main.traces.agents_otel_metrics",
		"1 rows  main.traces.agents_otel_spans",
	}, rest)
}

func TestMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"-address 0.0.0.0:0":         "is not loopback",
		"-address nonsense":          "is no address",
		"-location main.traces":      "write catalog.schema.prefix",
		"-location a.b.c -layout v1": "write catalog.schema.prefix",
		"-location main.traces.a-b":  "table prefix",
		"-layout v3":                 "write v1 or v2",
		"-service-principal app":     "write id:secret",
		"-nosuch":                    "nosuch",
		"stray":                      "is no flag",
	} {
		require.ErrorContains(t, run(context.Background(), strings.Fields(args), io.Discard, io.Discard), want, args)
	}
}
