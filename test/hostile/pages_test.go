// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// object is a JSON object.
type object = map[string]any

// edit changes an answer of a route; ask is what was asked for.
type edit func(route string, ask, answer object)

// gateway is a server before another one that edits its answers while it is told to.
type gateway struct {
	*httptest.Server
	broken atomic.Bool
}

func newGateway(t *testing.T, s *mlflowtest.Server, e edit) *gateway {
	g := &gateway{}
	g.broken.Store(true)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		to := s.URL() + r.URL.RequestURI()
		forward, err := http.NewRequestWithContext(r.Context(), r.Method, to, bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		res, err := http.DefaultClient.Do(forward)
		if err != nil {
			return
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			return
		}
		var ask, answer object
		if g.broken.Load() && json.Unmarshal(text, &answer) == nil && res.StatusCode == http.StatusOK {
			_ = json.Unmarshal(body, &ask) // a GET has none
			e(mlflowtest.Route(r.URL.Path), ask, answer)
			if text, err = json.Marshal(answer); err != nil {
				panic(err)
			}
		}
		w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
		w.WriteHeader(res.StatusCode)
		_, _ = w.Write(text)
	}))
	t.Cleanup(g.Close)
	return g
}

// traces returns the traces of a page, nil for other answers and the page that the probe for the
// version asks for.
func traces(route string, ask, answer object) []any {
	if route != "traces/search" || ask["max_results"] == float64(1) {
		return nil
	}
	list, _ := answer["traces"].([]any)
	return list
}

// sameTime gives all traces one millisecond, so that they are read by page tokens.
func sameTime(s *mlflowtest.Server) {
	for i := range neighbours {
		s.Change(s.Synthetic("0", i, 1, 1).ID, func(t *mlflowtest.Trace) { t.Timestamp = 1_700_000_000_000 })
	}
}

// Each answer that holds what was not asked for, or lists that have no end, end the run with an error
// that names it and with status 1. Once the source behaves, everything arrives.
func TestPages(t *testing.T) {
	first := make(chan []any, 1) // a page that is repeated
	for name, tt := range map[string]struct {
		prepare func(*mlflowtest.Server)
		edit    edit
		want    string
		most    int // requests
	}{
		"repeated page token": {prepare: sameTime, edit: func(route string, ask, answer object) {
			if traces(route, ask, answer) != nil {
				answer["next_page_token"] = "eyJvZmZzZXQiOiAxfQ=="
			}
		}, want: "repeats a page token", most: 60},
		"page tokens of experiments go in circles": {edit: func(route string, ask, answer object) {
			if route == "experiments/search" {
				const one, other = "eyJvZmZzZXQiOiAwfQ==", "eyJvZmZzZXQiOiAxfQ=="
				if answer["next_page_token"] = one; ask["page_token"] == one {
					answer["next_page_token"] = other
				}
			}
		}, want: "repeats a page token", most: 60},
		"repeated page": {edit: func(route string, ask, answer object) {
			list := traces(route, ask, answer)
			if list == nil {
				return
			}
			select {
			case first <- list:
			default:
			}
			again := <-first
			answer["traces"] = again
			first <- again
		}, want: "repeats a page or ignores the filter", most: 60},
		"outside of the window": {edit: func(route string, ask, answer object) {
			for _, i := range traces(route, ask, answer) {
				i.(object)["request_time"] = "2001-01-01T00:00:00Z"
			}
		}, want: "repeats a page or ignores the filter", most: 60},
		"another experiment": {edit: func(route string, ask, answer object) {
			for _, i := range traces(route, ask, answer) {
				i.(object)["trace_location"] = object{"mlflow_experiment": object{"experiment_id": "77"}}
			}
		}, want: "of experiment 77", most: 60},
		"shuffled page": {edit: func(route string, ask, answer object) {
			slices.Reverse(traces(route, ask, answer))
		}, want: "doesn't list traces in the order that was asked for", most: 60},
		"empty page with a token": {edit: func(route string, ask, answer object) {
			if traces(route, ask, answer) != nil {
				answer["traces"], answer["next_page_token"] = []any{}, "eyJvZmZzZXQiOiAxfQ=="
			}
		}, want: "an empty page that is not the last one", most: 60},
		"short page": {edit: func(route string, ask, answer object) {
			if list := traces(route, ask, answer); len(list) > 3 {
				answer["traces"] = list[:len(list)-3]
				delete(answer, "next_page_token")
			}
		}, want: "is not delivered completely", most: 120},
		"empty pages": {edit: func(route string, ask, answer object) {
			if traces(route, ask, answer) != nil {
				delete(answer, "traces")
				delete(answer, "next_page_token")
			}
		}, want: "is not delivered completely", most: 120},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := source(t)
			if tt.prepare != nil {
				tt.prepare(s)
			}
			g := newGateway(t, s, tt.edit)
			dir := t.TempDir()
			c := collector.Backfill(g.URL, dir).Set("receivers::mlflow::page_size", 10).
				Set("receivers::mlflow::start_time", "2020-01-01")
			out := run(t, dir, c, 1, aim)
			assert.Contains(t, out, tt.want)
			assert.Regexp(t, "^(not complete|[0-9]+ of)", out)
			assert.LessOrEqual(t, s.Count(""), tt.most)
			g.broken.Store(false)
			run(t, dir, c, 0, aim)
			assert.Len(t, otlpsink.TraceIDs(collector.Traces(t, dir)), neighbours)
		})
	}
}

// Spans under a wrong trace id are refused: what another route shows is delivered, else the trace is
// skipped as corrupt.
func TestSpansOfAnotherTrace(t *testing.T) {
	t.Parallel()
	s := source(t)
	own, foreign := trace(hostileHex, 3, 0), trace("00000000000000000000000000000001", 3, 0)
	wrong := trace("00000000000000000000000000bad000", 3, 0)
	own.Typed = foreign.Typed // its artifact route is right
	wrong.Typed, wrong.Artifact = foreign.Typed, foreign.Artifact
	s.Add(own, wrong)
	dir := t.TempDir()
	c := collector.Backfill(s.URL(), dir).Set("receivers::mlflow::max_skipped", 0)
	out := run(t, dir, c, 1, aim)
	assert.Contains(t, out, "1 corrupt")
	skipped := collector.ReadSkipped(t, dir)
	require.Len(t, skipped, 1)
	assert.Equal(t, wrong.ID, skipped[0].TraceID)
	assert.Contains(t, skipped[0].Detail, "carry the id of another trace")
	arrived := otlpsink.TraceIDs(collector.Traces(t, dir))
	assert.Equal(t, 1, arrived[own.ID])
	assert.Len(t, arrived, neighbours+1)
}
