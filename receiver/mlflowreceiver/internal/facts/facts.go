// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package facts takes from traces what package aggregate counts. It is pure.
package facts

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// untyped is the type of a span that has none.
const untyped = "UNKNOWN"

// Of returns what counts of traces of one experiment. It keeps no memory of the traces. refined returns what was done
// with a trace on the way, by the id of its spans; nil where that is not known.
func Of(experimentID string, traces []*mlflow.Trace, refined func([16]byte) *aggregate.Refined) []aggregate.Trace {
	own := interned{}
	out := make([]aggregate.Trace, len(traces))
	for i, t := range traces {
		out[i] = aggregate.Trace{
			ID: strings.Clone(t.Info.ID), Experiment: experimentID, Start: t.Info.Timestamp,
			Duration: t.Info.Duration, Untimed: t.Info.Untimed, Failed: t.Info.State == mlflow.StateError,
			Spans: make([]aggregate.Span, len(t.Spans)),
		}
		for j := range t.Spans {
			s := &t.Spans[j]
			out[i].Spans[j] = aggregate.Span{Type: own.typeOf(s), Name: own.of(s.Name), Duration: s.End - s.Start,
				Failed: s.Status == mlflow.StatusCodeError}
		}
		if len(t.Spans) > 0 {
			out[i].Refined = refined(t.Spans[0].TraceID)
		}
	}
	return out
}

// interned holds each text once.
type interned map[string]string

func (m interned) of(s string) string {
	if own, ok := m[s]; ok {
		return own
	}
	own := strings.Clone(s)
	m[own] = own
	return own
}

// typeOf is the type of a span, which the wire has as JSON text.
func (m interned) typeOf(s *mlflow.Span) string {
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if a.Key != genai.SpanType {
			continue
		}
		if bytes.IndexByte(a.Raw, '\\') >= 0 { // MLflow escapes what is not ASCII
			if scan := pyjson.NewScanner(a.Raw); scan.Kind() == pyjson.KindString {
				return m.of(cmp.Or(scan.Str(), untyped))
			}
		}
		text := bytes.Trim(a.Raw, `"`)
		if own, ok := m[string(text)]; ok { // costs no memory
			return own
		}
		if len(text) > 0 && string(text) != "null" {
			return m.of(string(text))
		}
	}
	return untyped
}
