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
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// A server with passwords is read with credentials that are written, on the command line or in a file that is private,
// and never with those of the shell. No password stays anywhere.
func TestMakeRunCredentials(t *testing.T) {
	t.Parallel()
	s := protected(t)
	uri := "MLFLOW_TRACKING_URI=" + s.URL
	name, password := "MLFLOW_TRACKING_USERNAME="+s.Reader.Username, "MLFLOW_TRACKING_PASSWORD="+s.Reader.Password
	write := func(t *testing.T, mode os.FileMode) string {
		file := filepath.Join(t.TempDir(), "credentials")
		require.NoError(t, os.WriteFile(file, []byte("[mlflow]\n"+strings.ToLower("MLFLOW_TRACKING_USERNAME")+" = "+
			s.Reader.Username+"\n"+password+"\n"), mode))
		return "CREDENTIALS=" + file
	}
	t.Run("command line", func(t *testing.T) {
		dir := checkout(t)
		p := makeRun(t, dir, nil, uri, name, password)
		p.Done(0)
		assert.Contains(t, p.Out(), "team-a  5 traces")
		assert.NotContains(t, p.Out(), "team-b")
		assert.NotContains(t, p.Out()+p.Logs(), s.Reader.Password)
		noSecret(t, filepath.Join(dir, "out"), s.Reader.Password)
	})
	t.Run("file", func(t *testing.T) {
		dir := checkout(t)
		p := makeRun(t, dir, nil, uri, "EXPERIMENT=1,team-*", write(t, 0o600))
		p.Done(0)
		assert.Contains(t, p.Out(), "complete: 5 of 5 traces acknowledged, with 10 spans\n")
		assert.NotContains(t, p.Out(), "cost", "there are no prices for the models of a server")
		assert.NotContains(t, p.Out()+p.Logs(), s.Reader.Password)
		noSecret(t, filepath.Join(dir, "out"), s.Reader.Password, "Basic ")
	})
	t.Run("file that others may read", func(t *testing.T) {
		p := makeRun(t, checkout(t), nil, uri, "EXPERIMENT=1", write(t, 0o644))
		p.Done(2) // of make
		assert.Contains(t, p.Logs(), "chmod 600")
		assert.NotContains(t, p.Out(), "report")
	})
	t.Run("shell", func(t *testing.T) {
		p := makeRun(t, checkout(t), []string{name, password}, uri, "EXPERIMENT=1")
		p.Done(2)
		assert.Equal(t, 1, strings.Count(p.Out()+p.Logs(), "401"), p.Out()+p.Logs())
		assert.Contains(t, p.Out(), "CREDENTIALS=FILE")
	})
}

// FRESH=1 with EXPERIMENT removes what was written for this experiment and nothing else; what is sent to a backend has
// a position of its own.
func TestMakeRunFolders(t *testing.T) {
	t.Parallel()
	dir, s, sink := checkout(t), copyOf(t, sample, t.TempDir()), otlpsink.New(t)
	run := func(says string, args ...string) {
		t.Helper()
		p := makeRun(t, dir, nil, append(args, "MLFLOW_TRACKING_URI="+s.URI())...)
		p.Done(0)
		assert.Contains(t, p.Out(), says)
		assert.NotContains(t, p.Out(), "$", "the example prices are for the sample store")
		assert.Contains(t, p.Out(), "config/prices.yaml")
	}
	run("complete: 106 of 107 ", "EXPERIMENT=support-bot")
	run("complete: 16 of 16 ", "EXPERIMENT=2")
	run("complete: 106 of 107 ", "EXPERIMENT=support-bot", "FRESH=1")
	run("nothing new; 16 traces with 64 spans", "EXPERIMENT=2")
	run("complete: 16 of 16 ", "EXPERIMENT=2", "ENDPOINT="+sink.URL)
	assert.Len(t, sink.Spans(), 64)
}

// A server that does not answer is told of at once, and a mistake once, at the end; the log is in a file.
func TestMakeRunTrouble(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	dir := checkout(t)
	p := makeRun(t, dir, nil, "MLFLOW_TRACKING_URI="+server.URL, "EXPERIMENT=a")
	p.Done(2)
	assert.Equal(t, 1, strings.Count(p.Out(), "waiting for "+server.URL+" up to 30 s\n"))
	assert.Equal(t, 1, strings.Count(p.Out()+p.Logs(), "403"), p.Out()+p.Logs())
	for _, word := range []string{"acknowledged", "output", "traces.jsonl"} {
		assert.NotContains(t, p.Out(), word)
	}
	log, err := filepath.Glob(filepath.Join(dir, "out", "*", "a", "collector.log"))
	require.NoError(t, err)
	require.Len(t, log, 1)
	private(t, log...)
	written, err := os.ReadFile(log[0])
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(written), "Request to MLflow failed, trying again"))

	start := makeRun(t, dir, nil, "MLFLOW_TRACKING_URI=sqlite:////nowhere/mlflow.db", "EXPERIMENT=a")
	start.Done(2)
	assert.Equal(t, 1, strings.Count(start.Out()+start.Logs(), "there is no file /nowhere/mlflow.db"))
	assert.Contains(t, start.Out(), "not started: MLFLOW_TRACKING_URI: ")

	unknown := makeRun(t, dir, nil, "TRACKING_URI=http://localhost:5000")
	unknown.Done(2)
	assert.NotContains(t, unknown.Out(), "complete")
	assert.Contains(t, unknown.Logs(), "TRACKING_URI is not known; did you mean MLFLOW_TRACKING_URI?")
}

// Ctrl-C ends a run with how far it came; running again continues.
func TestMakeRunStops(t *testing.T) {
	t.Parallel()
	dir, release := checkout(t), make(chan struct{})
	arrived := make(chan struct{}, 1000)
	sink := otlpsink.New(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		sink.ServeHTTP(w, r)
	}))
	t.Cleanup(backend.Close)
	p := makeRun(t, dir, nil, "ENDPOINT="+backend.URL)
	<-arrived
	p.SignalAll(syscall.SIGINT)
	p.Wait()
	assert.Contains(t, p.Out(), "stopped after 0 of 123 traces; running again continues")
	assert.NotContains(t, p.Out(), "fix what is named")
	assert.NotContains(t, p.Out(), "acknowledged")

	close(release)
	again := makeRun(t, dir, nil, "ENDPOINT="+backend.URL)
	again.Done(0)
	assert.Contains(t, again.Out(), "complete: 122 of 123 traces")
	assert.Equal(t, sampleSpans, sink.Distinct())
}
