// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package faithful compares emitted spans with what MLflow's own Python client returns: everything
// that the client has must be there and be equal, and what is there besides must be documented.
package faithful

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Trace is a line of what expected.py writes; its header describes the format.
type Trace struct {
	ExperimentID string `json:"experiment_id"`
	TraceID      string `json:"trace_id"`
	Info         struct {
		State           string            `json:"state"`
		ClientRequestID *string           `json:"client_request_id"`
		RequestPreview  *string           `json:"request_preview"`
		ResponsePreview *string           `json:"response_preview"`
		Metadata        map[string]string `json:"metadata"`
		Tags            map[string]string `json:"tags"`
	} `json:"info"`
	Spans       []Span       `json:"spans"`
	Assessments []Assessment `json:"assessments"`
	Error       *string      `json:"error"`
}

// Span is a span as the client has it.
type Span struct {
	TraceID  string  `json:"trace_id"`
	SpanID   string  `json:"span_id"`
	ParentID *string `json:"parent_id"`
	Name     string  `json:"name"`
	StartNs  int64   `json:"start_ns"`
	EndNs    *int64  `json:"end_ns"`
	Status   struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
	Attributes map[string]any `json:"attributes"`
	Events     []struct {
		Name       string         `json:"name"`
		TimeNs     int64          `json:"time_ns"`
		Attributes map[string]any `json:"attributes"`
	} `json:"events"`
	Links []struct {
		TraceID    string         `json:"trace_id"`
		SpanID     string         `json:"span_id"`
		Attributes map[string]any `json:"attributes"`
	} `json:"links"`
}

// Assessment is an assessment as the client has it.
type Assessment struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Value any    `json:"value"`
	Error *struct {
		Code       string  `json:"code"`
		Message    *string `json:"message"`
		StackTrace *string `json:"stack_trace"`
	} `json:"error"`
	Source struct {
		Type string  `json:"type"`
		ID   *string `json:"id"`
	} `json:"source"`
	Rationale        *string           `json:"rationale"`
	SpanID           *string           `json:"span_id"`
	Overrides        *string           `json:"overrides"`
	Metadata         map[string]string `json:"metadata"`
	Valid            *bool             `json:"valid"`
	CreateTimeMs     int64             `json:"create_time_ms"`
	LastUpdateTimeMs int64             `json:"last_update_time_ms"`
}

// Read reads a file of expected.py, compressed or not.
func Read(t testing.TB, path string) []Trace {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		r, err = gzip.NewReader(f)
		require.NoError(t, err)
	}
	var list []Trace
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			var x Trace
			require.NoError(t, d.Decode(&x))
			list = append(list, x)
		}
		if err != nil {
			return list
		}
	}
}
