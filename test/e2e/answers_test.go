// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// config/otlp.yaml delivers over HTTP and gRPC, with a header of the user's, and says that the
// backend has confirmed it.
func TestShippedOTLP(t *testing.T) {
	t.Parallel()
	for _, exporter := range []string{"otlp_http", "otlp_grpc"} {
		t.Run(exporter, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			const header = "Bearer token-of-the-backend"
			sink := otlpsink.New(t)
			endpoint := "OTELCOL_MLFLOW_ENDPOINT=" + sink.URL
			if exporter == "otlp_grpc" {
				sink = otlpsink.NewGRPC(t)
				endpoint = "OTELCOL_MLFLOW_GRPC_ENDPOINT=http://" + sink.Address
			}
			sink.Require("authorization", header)
			env := []string{"OTELCOL_MLFLOW_OUT=" + dir, "OTELCOL_MLFLOW_EXPORTER=" + exporter, endpoint}
			for _, headline := range []string{"complete: 122 of 123 traces acknowledged, with 598 spans",
				"complete: nothing new; 122 traces with 598 spans acknowledged earlier"} {
				p := collector.Command(t, dir, env, collector.Default(), "--config", "config/otlp.yaml",
					"--config", "yaml:exporters::"+exporter+"::headers::Authorization: "+header)
				p.Done(0)
				require.True(t, strings.HasPrefix(p.Out(), headline), p.Out())
				require.NotContains(t, p.Out()+p.Logs(), header)
			}
			assert.Len(t, sink.Spans(), sampleSpans)
			requireOnce(t, sink.Spans())
		})
	}
}

// What a destination answers with a status 200 and does not confirm.
func TestNoOTLPAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer    http.HandlerFunc
		headlines []string // of each run
	}{
		"a web page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<html>Sign in")
		}, []string{"not complete: 0 of 123 traces acknowledged, with 0 spans, 1 skipped, 122 held; the destination " +
			"accepted nothing for 6s: http://destination/v1/traces answered 200 with a web page (text/html), as a " +
			"sign-in or a proxy does; correct the address or the credentials; running again continues"}},
		"a redirect": {func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "/login?back=canary", http.StatusFound)
		}, []string{"not complete: 0 of 123 traces acknowledged, with 0 spans, 1 skipped, 122 held; the destination " +
			"accepted nothing for 6s: http://destination/v1/traces answered 302 to http://destination/login, as a " +
			"sign-in or a proxy does; correct the address or the credentials; running again continues"}},
		"another body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"status":"fine"}`)
		}, []string{"delivery unknown: 122 of 123 traces accepted, with 598 spans, 1 skipped; exporter " +
			"otlp_http: http://destination/v1/traces answered 200 with application/json, 17 bytes, which is no OTLP " +
			"answer, so it is not known whether it has the data",
			"delivery unknown: nothing new; 122 traces with 598 spans accepted earlier, 1 skipped; an earlier " +
				"run delivered without a confirmation; to deliver its traces again, remove the storage folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.answer)
			t.Cleanup(server.Close)
			dir := t.TempDir()
			config := impatient(collector.Backfill("sqlite:///"+sample, dir).ToOTLP(server.URL, nil))
			for i, headline := range c.headlines {
				p := collector.Run(t, dir, config, 1)
				first, _, _ := strings.Cut(strings.ReplaceAll(p.Out(), server.URL, "http://destination"), "\n")
				require.Equal(t, headline, first)
				require.NotContains(t, p.Logs(), "canary")
				got := collector.ReadReport(t, dir).Answers[0]
				require.Equal(t, []string{"otlp_http"}, got.Exporters)
				require.Zero(t, got.Confirmed)
				if i == 0 {
					require.Positive(t, got.Unconfirmed+got.Refused)
				} else {
					require.Zero(t, got.Requests, "it is not sent again")
				}
			}
			require.Empty(t, rejected(t, dir))
			missing := map[string]string{} // by id
			for _, m := range collector.ReadMissing(t, dir) {
				missing[m.TraceID] = m.Reason
			}
			held := strings.Contains(c.headlines[0], "122 held")
			require.Equal(t, held, len(missing) == 122, missing)
			require.Equal(t, !held, len(missing) == 0, missing)
		})
	}
}

// A destination that rejects some spans of a request keeps the others, so nothing of the request is
// sent again: every run says what is missing, until a list sends it on purpose.
func TestPartialSuccess(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP", "gRPC"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source := history(t, 2, 30)
			config := impatient(collector.Backfill(source.URL(), dir))
			sink := otlpsink.New(t)
			if protocol == "gRPC" {
				sink = otlpsink.NewGRPC(t)
				config.ToGRPC(sink.Address)
			} else {
				config.ToOTLP(sink.URL, nil)
			}
			sink.Reject(func(td ptrace.Traces) (int, string) {
				if experimentOfFirst(td) == "1" {
					return 3, "an attribute is too long"
				}
				return 0, ""
			})
			p := collector.Run(t, dir, config, 1)
			require.Contains(t, p.Out(), "not complete: 30 of 60 traces acknowledged, with 60 spans, "+
				"30 partially rejected")
			require.Contains(t, p.Out(),
				"3 of the 60 spans that were sent together were rejected: an attribute is too long")
			report := collector.ReadReport(t, dir)
			require.EqualValues(t, 30, report.Receivers[0].Totals.Partly)
			require.EqualValues(t, 3, report.Answers[0].Rejected)
			require.Equal(t, report.Answers[0].Requests, report.Answers[0].Confirmed)
			var listed []string
			for _, s := range collector.ReadSkipped(t, dir) {
				require.Equal(t, "partially_rejected", s.Reason)
				require.Equal(t, "3 of the 60 spans that were sent together were rejected: an attribute is too long",
					s.Detail)
				listed = append(listed, s.TraceID)
			}
			require.Len(t, listed, 30)
			requests := sink.Requests()

			p = collector.Run(t, dir, config, 1)
			require.Contains(t, p.Out(), "30 partially rejected")
			require.Equal(t, requests, sink.Requests(), "it is not sent again")

			sink.Reject(nil)
			list := filepath.Join(t.TempDir(), "list")
			require.NoError(t, os.WriteFile(list, []byte(strings.Join(listed, "\n")), 0o600))
			config.Set("receivers::mlflow::trace_ids_file", list)
			collector.Run(t, dir, config, 0)
			require.Equal(t, 2*2*30, sink.Distinct())
			delete(config["receivers"].(map[string]any)["mlflow"].(map[string]any), "trace_ids_file")
			p = collector.Run(t, dir, config, 0)
			require.True(t, strings.HasPrefix(p.Out(), "complete: nothing new; 60 traces"), p.Out())
		})
	}
}

// A destination that rejects every span of a request has stored nothing, so the request is divided.
func TestAllRejected(t *testing.T) {
	t.Parallel()
	dir, sink := t.TempDir(), otlpsink.NewGRPC(t)
	source := history(t, 1, 12)
	poisoned := source.Synthetic("1", perExperiment+5, 2, 10).Timestamp
	sink.Reject(func(td ptrace.Traces) (n int, _ string) {
		bad := false
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
			bad = bad || s.StartTimestamp().AsTime().UnixMilli() == poisoned
		})
		if !bad {
			return 0, ""
		}
		return td.SpanCount(), "this span is broken"
	})
	config := impatient(collector.Backfill(source.URL(), dir).ToGRPC(sink.Address))
	p := collector.Run(t, dir, config, 1)
	require.Contains(t, p.Out(), "rejected all 2 spans of a request: this span is broken")
	require.EqualValues(t, 11, collector.ReadReport(t, dir).Receivers[0].Totals.Accepted)
	require.Equal(t, 2*11, sink.Distinct())
	requireOnce(t, sink.Spans())
}

// The file exporter's answers, as those of a destination over the network: what is on disk is
// delivered, and what the disk does not take is not.
func TestAnswersOfFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := collector.Run(t, dir, collector.Backfill("sqlite:///"+sample, dir), 0)
	require.True(t, strings.HasPrefix(p.Out(), "complete: 122 of 123 traces acknowledged"), p.Out())
	require.Len(t, otlpsink.Count(collector.Traces(t, dir)), sampleSpans)

	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("there is no device that is always full")
	}
	dir = t.TempDir()
	p = collector.Start(t, dir, collector.Backfill("sqlite:///"+sample, dir).Set("exporters::file::path", full))
	eventually(t, func() bool { return strings.Contains(p.Logs(), "no space left on device") }, "the log says why")
	p.Signal(syscall.SIGTERM)
	p.Done(1)
	require.Contains(t, p.Out(), "stopped by SIGTERM after 0 of ")
	require.Zero(t, collector.ReadReport(t, dir).Receivers[0].Totals.Accepted)
}

// experimentOfFirst is the experiment of the first span.
func experimentOfFirst(td ptrace.Traces) (id string) {
	otlpsink.Each(td, func(r pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
		if id == "" {
			id = experimentOf(r, s)
		}
	})
	return id
}
