// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// statements answers statement execution with scripted answers: the first to the POST, the next
// ones to each look, chunks by their number.
type statements struct {
	mu       sync.Mutex
	script   []string // status and body, "503 {…}"; the last one repeats
	chunks   map[string]string
	asked    []string // bodies of POSTs
	canceled int
	looks    int
}

func (s *statements) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch path := strings.TrimPrefix(r.URL.Path, "/api/2.0/sql/statements"); {
	case r.Method == http.MethodPost && path == "":
		var body json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.asked = append(s.asked, string(body))
		s.next(rw, r)
	case r.Method == http.MethodPost && path == "/st-1/cancel":
		s.canceled++
		answer(200, "{}")(rw, r)
	case r.Method == http.MethodGet && path == "/st-1":
		s.looks++
		s.next(rw, r)
	case strings.HasPrefix(path, "/st-1/result/chunks/"):
		answer(200, s.chunks[path[len("/st-1/result/chunks/"):]])(rw, r)
	default:
		answer(404, `{"error_code":"ENDPOINT_NOT_FOUND","message":"`+path+`"}`)(rw, r)
	}
}

func (s *statements) next(rw http.ResponseWriter, r *http.Request) {
	var status int
	now := s.script[0]
	if len(s.script) > 1 {
		s.script = s.script[1:]
	}
	_, _ = fmt.Sscanf(now, "%d", &status)
	answer(status, now[4:])(rw, r)
}

const (
	pending = `200 {"statement_id":"st-1","status":{"state":"PENDING"}}`
	started = `200 {"statement_id":"st-1","status":{"state":"RUNNING"}}`
	oneRow  = `200 {"statement_id":"st-1","status":{"state":"SUCCEEDED"},` +
		`"manifest":{"schema":{"columns":[{"name":"a"},{"name":"n"}]},"total_row_count":1},` +
		`"result":{"data_array":[["x",null]]}}`
	chunked = `200 {"statement_id":"st-1","status":{"state":"SUCCEEDED"},` +
		`"manifest":{"schema":{"columns":[{"name":"n"}]},"total_row_count":4},` +
		`"result":{"chunk_index":0,"next_chunk_index":1,"data_array":[["1"],["2"]]}}`
)

func TestStatement(t *testing.T) {
	second := map[string]string{"1": `{"chunk_index":1,"next_chunk_index":2,"data_array":[["3"]]}`,
		"2": `{"chunk_index":2,"data_array":[["4"]]}`}
	for name, tc := range map[string]struct {
		script []string
		chunks map[string]string
		want   Result
		kind   Kind
		text   string
	}{
		"at once": {script: []string{oneRow}, want: Result{Columns: []string{"a", "n"}, Rows: [][]string{{"x", ""}}}},
		"DDL": {
			script: []string{
				`200 {"statement_id":"st-1","status":{"state":"SUCCEEDED"},` +
					`"manifest":{"schema":{"column_count":0},"total_row_count":0},"result":{}}`}},
		"slow start": {script: []string{pending, pending, started, oneRow},
			want: Result{Columns: []string{"a", "n"}, Rows: [][]string{{"x", ""}}}},
		"several chunks": {script: []string{chunked}, chunks: second,
			want: Result{Columns: []string{"n"}, Rows: [][]string{{"1"}, {"2"}, {"3"}, {"4"}}}},
		"a chunk too few": {
			script: []string{chunked}, chunks: map[string]string{"1": `{"chunk_index":1,"data_array":[["3"]]}`},
			kind: KindBadAnswer, text: "3 rows came, the workspace counted 4",
		},
		"chunks in a ring": {script: []string{chunked},
			chunks: map[string]string{"1": `{"chunk_index":1,"next_chunk_index":1,"data_array":[["3"]]}`},
			kind:   KindBadAnswer,
			text:   "chunk 1 is followed by chunk 1"},
		"cut": {
			script: []string{strings.Replace(oneRow, `"total_row_count":1`, `"truncated":true`, 1)},
			kind:   KindBadAnswer,
			text:   "was cut",
		},
		"a row too short": {script: []string{strings.Replace(oneRow, `["x",null]`, `["x"]`, 1)}, kind: KindBadAnswer,
			text: "a row has 1 values for 2 columns"},
		"failed is HTTP 200": {
			script: []string{
				`200 {"statement_id":"st-1","status":{"state":"FAILED","error":{"error_code":"BAD_REQUEST",` +
					`"message":"[TABLE_OR_VIEW_NOT_FOUND] nope\nmore"}}}`},
			kind: KindFailed,
			text: "running a statement in the warehouse wh: [TABLE_OR_VIEW_NOT_FOUND] nope (BAD_REQUEST)",
		},
		"failed later": {script: []string{pending, `200 {"statement_id":"st-1","status":{"state":"FAILED"}}`},
			kind: KindFailed, text: "it ended as FAILED"},
		"failed for now": {
			script: []string{
				`200 {"statement_id":"st-1","status":{"state":"FAILED",` +
					`"error":{"error_code":"TEMPORARILY_UNAVAILABLE","message":"warehouse is starting"}}}`},
			kind: KindBusy, text: "warehouse is starting",
		},
		"canceled by another client": {script: []string{pending,
			`200 {"statement_id":"st-1","status":{"state":"CANCELED"}}`},
			kind: KindFailed, text: "it ended as CANCELED"},
		"no status": {script: []string{`200 {"statement_id":"st-1"}`}, kind: KindBadAnswer,
			text: "does not say how it ended"},
		"no warehouse": {
			script: []string{
				`404 {"error_code":"RESOURCE_DOES_NOT_EXIST","message":"SQL warehouse wh does not exist"}`},
			kind: KindNotFound, text: "SQL warehouse wh does not exist"},
		"not allowed": {
			script: []string{`403 {"error_code":"PERMISSION_DENIED","message":"You do not have permission to use ` +
				`the SQL warehouse"}`}, kind: KindDenied, text: "permission"},
		"looks fail in between": {
			script: []string{pending, `503 {"message":"busy"}`, `429 {"message":"busy"}`, oneRow},
			want:   Result{Columns: []string{"a", "n"}, Rows: [][]string{{"x", ""}}},
		},
		"looks fail for good": {script: []string{pending, `503 {"message":"busy"}`}, kind: KindBusy, text: "busy"},
		"lost": {script: []string{pending,
			`404 {"error_code":"RESOURCE_DOES_NOT_EXIST","message":"The statement st-1 was not found"}`},
			kind: KindNotFound,
			text: "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &statements{script: tc.script, chunks: tc.chunks}
			server := httptest.NewServer(s)
			t.Cleanup(server.Close)
			c := plain(t, server.URL, Settings{Sleep: func(context.Context, time.Duration) error { return nil }})
			r, err := c.Statement(t.Context(), "wh", "SELECT a")
			require.Equal(t, tc.kind, KindOf(err), "%v", err)
			if tc.kind != "" {
				require.ErrorContains(t, err, tc.text)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, r)
			require.JSONEq(t, `{"warehouse_id":"wh","statement":"SELECT a","wait_timeout":"0s","disposition":"INLINE",
				"format":"JSON_ARRAY"}`, s.asked[0])
		})
	}
}

// Looks become rarer, and a statement that nobody waits for any more is canceled.
func TestStatementGivenUp(t *testing.T) {
	s := &statements{script: []string{pending}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	var waits []time.Duration
	ctx, cancel := context.WithCancel(t.Context())
	c := plain(t, server.URL, Settings{Sleep: func(ctx context.Context, d time.Duration) error {
		if waits = append(waits, d); len(waits) == 12 {
			cancel()
		}
		return ctx.Err()
	}})
	_, err := c.Statement(ctx, "wh", "SELECT 1")
	require.Equal(t, KindSlow, KindOf(err))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, firstLook, waits[0])
	require.Equal(t, longestLook, waits[len(waits)-1])
	require.Equal(t, 1, s.canceled)
	require.Equal(t, 11, s.looks)
}
