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

// Of returns what counts of traces of one experiment, with the beginnings of their texts if texts is true. It keeps no
// memory of the traces. refined returns what was done with a trace on the way, by the id of its spans; nil where that
// is not known.
func Of(
	experimentID string, traces []*mlflow.Trace, texts bool, refined func([16]byte) *aggregate.Refined,
) []aggregate.Trace {
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
		if texts {
			out[i].Request, out[i].Response = textsOf(&t.Info)
		}
		if len(t.Spans) > 0 {
			out[i].Refined = refined(t.Spans[0].TraceID)
		}
	}
	return out
}

// maxText is how much of a text is kept at most, in bytes; the report shows less.
const maxText = 2048

// textsOf are the beginnings of what a trace was asked and answered. Servers before 3.0 hold them in metadata.
func textsOf(info *mlflow.Info) (request, response string) {
	request, response = info.RequestPreview, info.ResponsePreview
	for _, m := range info.Metadata {
		switch m.Key {
		case "mlflow.traceInputs":
			request = cmp.Or(request, m.Value)
		case "mlflow.traceOutputs":
			response = cmp.Or(response, m.Value)
		}
	}
	own := func(s string) string { return strings.Clone(s[:min(len(s), maxText)]) }
	return own(request), own(response)
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
