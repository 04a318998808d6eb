// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faithful

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Survived fails the test for everything of the source's spans that an MLflow server doesn't hold
// after it was sent there by OTLP. Both sides are what MLflow's client returns. Such a server
// overwrites mlflow.traceRequestId, adds attributes that it derives from gen_ai.*, and decodes
// strings that are JSON text.
func Survived(t testing.TB, source, destination []Trace) {
	t.Helper()
	got := map[string]*Span{}
	for i := range destination {
		for k := range destination[i].Spans {
			s := &destination[i].Spans[k]
			key := s.TraceID + " " + s.SpanID
			assert.NotContains(t, got, key, "twice")
			got[key] = s
		}
	}
	for i := range source {
		for k := range source[i].Spans {
			w := &source[i].Spans[k]
			key := w.TraceID + " " + w.SpanID
			g, ok := got[key]
			if !assert.True(t, ok, "span %s (%s) of trace %s did not arrive", w.SpanID, w.Name, source[i].TraceID) {
				continue
			}
			delete(got, key)
			assert.NoError(t, survived(w, g), "span %s (%s) of trace %s", w.SpanID, w.Name, source[i].TraceID)
		}
	}
	for key := range got {
		assert.Fail(t, "a span that was not sent", "%s", key)
	}
}

func survived(w, g *Span) error {
	parents := [2]string{}
	ends := [2]int64{}
	for i, s := range []*Span{w, g} {
		if s.ParentID != nil {
			parents[i] = *s.ParentID
		}
		if s.EndNs != nil {
			ends[i] = *s.EndNs
		}
	}
	switch {
	case parents[0] != parents[1]:
		return fmt.Errorf("parent: want %q, got %q", parents[0], parents[1])
	case w.Name != g.Name:
		return fmt.Errorf("name: want %q, got %q", w.Name, g.Name)
	case w.StartNs != g.StartNs || ends[0] != ends[1]:
		return fmt.Errorf("times: want %d to %d, got %d to %d", w.StartNs, ends[0], g.StartNs, ends[1])
	case w.Status != g.Status:
		return fmt.Errorf("status: want %v, got %v", w.Status, g.Status)
	case len(w.Events) != len(g.Events) || len(w.Links) != len(g.Links):
		return fmt.Errorf("want %d events and %d links, got %d and %d", len(w.Events), len(w.Links),
			len(g.Events), len(g.Links))
	}
	for i, e := range w.Events {
		if h := g.Events[i]; e.Name != h.Name || nanoseconds(e.TimeNs) != h.TimeNs {
			return fmt.Errorf("event %d: want %q at %d, got %q at %d", i, e.Name, nanoseconds(e.TimeNs), h.Name,
				h.TimeNs)
		}
		if err := allOf(e.Attributes, g.Events[i].Attributes); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	for i, l := range w.Links {
		h := g.Links[i]
		if strings.TrimPrefix(l.TraceID, "tr-") != strings.TrimPrefix(h.TraceID, "tr-") || l.SpanID != h.SpanID {
			return fmt.Errorf("link %d: want %s %s, got %s %s", i, l.TraceID, l.SpanID, h.TraceID, h.SpanID)
		}
		if err := allOf(l.Attributes, h.Attributes); err != nil {
			return fmt.Errorf("link %d: %w", i, err)
		}
	}
	return allOf(w.Attributes, g.Attributes)
}

func allOf(want, got map[string]any) error {
	for k, w := range want {
		if k == "mlflow.traceRequestId" {
			continue
		}
		g, ok := got[k]
		if !ok {
			return fmt.Errorf("%s is missing", k)
		}
		if err := loosely(w, g); err != nil {
			return fmt.Errorf("%s%w", k, err)
		}
	}
	return nil
}

// loosely compares values where either may be JSON text of the other, at any place.
func loosely(want, got any) error {
	w, wantString := want.(string)
	g, gotString := got.(string)
	switch {
	case wantString && gotString:
		if parsed, err := parse(w); w != g && (err != nil || parsed != g) {
			return fmt.Errorf(": want %s, got %s", short(w), short(g))
		}
		return nil
	case wantString:
		parsed, err := parse(w)
		if err != nil {
			return fmt.Errorf(": want the string %s, got %T", short(w), got)
		}
		return loosely(parsed, got)
	case gotString:
		parsed, err := parse(g)
		if err != nil {
			return fmt.Errorf(": want %T, got the string %s", want, short(g))
		}
		return loosely(want, parsed)
	}
	switch w := want.(type) {
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf(": want a list of %d, got %T", len(w), got)
		}
		for i := range w {
			if err := loosely(w[i], g[i]); err != nil {
				return fmt.Errorf("[%d]%w", i, err)
			}
		}
		return nil
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf(": want an object of %d, got %T", len(w), got)
		}
		for k := range w {
			v, ok := g[k]
			if !ok {
				return fmt.Errorf(".%s is missing", k)
			}
			if err := loosely(w[k], v); err != nil {
				return fmt.Errorf(".%s%w", k, err)
			}
		}
		return nil
	default:
		return same(want, got)
	}
}
