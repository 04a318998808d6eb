// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faithful

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// Deliverable returns those traces that have to be emitted: they have spans and are finished, or
// their writer has been gone for an hour. Times are those of the spans.
func Deliverable(all []Trace, now time.Time) (list []Trace, unfinished, empty []string) {
	for _, x := range all {
		switch {
		case len(x.Spans) == 0:
			empty = append(empty, x.TraceID)
		case x.Info.State == "IN_PROGRESS" && now.Sub(time.Unix(0, x.Spans[0].StartNs)) < time.Hour:
			unfinished = append(unfinished, x.TraceID)
		default:
			list = append(list, x)
		}
	}
	return list, unfinished, empty
}

// Compare fails the test for everything in which the emitted spans are not exactly those of the
// expected traces. It returns how many spans were compared.
func Compare(t testing.TB, want []Trace, got []ptrace.Traces) int {
	t.Helper()
	spans := map[otlpsink.SpanKey]ptrace.Span{}
	resources := map[otlpsink.SpanKey]pcommon.Resource{}
	for _, td := range got {
		otlpsink.Each(td, func(r pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
			k := otlpsink.SpanKey{Trace: s.TraceID(), Span: s.SpanID()}
			_, twice := spans[k]
			assert.False(t, twice, "span %s of trace %s was emitted twice", s.SpanID(), s.TraceID())
			spans[k], resources[k] = s, r
		})
	}
	compared := 0
	for i := range want {
		x := &want[i]
		top := topmost(x.Spans)
		for k := range x.Spans {
			w := &x.Spans[k]
			var key otlpsink.SpanKey
			_, _ = hex.Decode(key.Trace[:], []byte(w.TraceID))
			_, _ = hex.Decode(key.Span[:], []byte(w.SpanID))
			s, ok := spans[key]
			if !assert.True(t, ok, "span %s (%s) of trace %s was not emitted", w.SpanID, w.Name, x.TraceID) {
				continue
			}
			compared++
			experiment, _ := resources[key].Attributes().Get(genai.ExperimentID)
			assert.Equal(t, x.ExperimentID, experiment.AsString())
			delete(spans, key)
			if _, sent := s.Attributes().Get(genai.TraceRequestID); !sent &&
				w.Attributes[genai.TraceRequestID] == x.TraceID && strings.HasPrefix(x.TraceID, "trace:/") {
				// spans in Unity Catalog don't have it; the client adds it to those that others
				// than itself wrote
				delete(w.Attributes, genai.TraceRequestID)
			}
			err := compareSpan(w, s)
			if err == nil && k == top {
				err = compareTrace(x, s)
			} else if err == nil {
				err = documented(x, w, s, false)
			}
			assert.NoError(t, err, "span %s (%s) of trace %s", w.SpanID, w.Name, x.TraceID)
		}
	}
	for k, s := range spans {
		assert.Fail(t, "emitted and not expected", "span %s (%s) of trace %s", k.Span, s.Name(), k.Trace)
	}
	return compared
}

// topmost is the span that what MLflow knows of a whole trace is written to.
func topmost(spans []Span) int {
	ids := map[string]bool{}
	for i := range spans {
		ids[spans[i].SpanID] = true
	}
	best := -1
	for i := range spans {
		if p := spans[i].ParentID; (p == nil || !ids[*p]) && (best < 0 || spans[i].StartNs < spans[best].StartNs) {
			best = i
		}
	}
	return best
}

// compareSpan compares everything that MLflow holds of a span; what is emitted besides is not
// checked.
func compareSpan(w *Span, s ptrace.Span) error {
	parent := ""
	if w.ParentID != nil {
		parent = *w.ParentID
	}
	end := int64(0)
	if w.EndNs != nil {
		end = *w.EndNs
	}
	codes := map[string]ptrace.StatusCode{"OK": ptrace.StatusCodeOk, "ERROR": ptrace.StatusCodeError,
		"UNSET": ptrace.StatusCodeUnset}
	switch {
	case s.ParentSpanID().String() != parent:
		return fmt.Errorf("parent: want %q, got %q", parent, s.ParentSpanID())
	case s.Name() != w.Name:
		return fmt.Errorf("name: want %q, got %q", w.Name, s.Name())
	case int64(s.StartTimestamp()) != w.StartNs || int64(s.EndTimestamp()) != end:
		return fmt.Errorf("times: want %d to %d, got %d to %d", w.StartNs, end, s.StartTimestamp(), s.EndTimestamp())
	case s.Status().Code() != codes[w.Status.Code] || s.Status().Message() != w.Status.Message:
		return fmt.Errorf("status: want %v, got %s %q", w.Status, s.Status().Code(), s.Status().Message())
	case s.Events().Len() != len(w.Events):
		return fmt.Errorf("events: want %d, got %d", len(w.Events), s.Events().Len())
	case s.Links().Len() != len(w.Links):
		return fmt.Errorf("links: want %d, got %d", len(w.Links), s.Links().Len())
	}
	for i, e := range w.Events {
		g := s.Events().At(i)
		if ns := nanoseconds(e.TimeNs); g.Name() != e.Name || int64(g.Timestamp()) != ns {
			return fmt.Errorf("event %d: want %q at %d, got %q at %d", i, e.Name, ns, g.Name(), g.Timestamp())
		}
		if err := exactly(e.Attributes, g.Attributes()); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	for i, l := range w.Links {
		g := s.Links().At(i)
		if g.TraceID().String() != strings.TrimPrefix(l.TraceID[strings.LastIndexByte(l.TraceID, '/')+1:], "tr-") ||
			g.SpanID().String() != l.SpanID {
			return fmt.Errorf("link %d: want %s %s, got %s %s", i, l.TraceID, l.SpanID, g.TraceID(), g.SpanID())
		}
		if err := exactly(l.Attributes, g.Attributes()); err != nil {
			return fmt.Errorf("link %d: %w", i, err)
		}
	}
	_, err := attributes(w.Attributes, s.Attributes())
	return err
}

// nanoseconds corrects the event times of clients up to 3.10, which wrote microseconds.
func nanoseconds(t int64) int64 {
	if t < 1e17 {
		return t * 1000
	}
	return t
}

// exactly compares attributes of an event or link, which get no others.
func exactly(want map[string]any, got pcommon.Map) error {
	extra, err := attributes(want, got)
	extra = slices.DeleteFunc(extra, func(k string) bool { return k == genai.JSONAttributes })
	if err == nil && len(extra) > 0 {
		err = fmt.Errorf("not expected: %v", extra)
	}
	return err
}

// derived are the attributes of semantic conventions that any span may get beside MLflow's own.
var derived = map[string]bool{
	genai.JSONAttributes: true, genai.ErrorType: true, genai.CodeFunctionName: true,
	genai.OperationName: true, genai.ProviderName: true, genai.ToolName: true, genai.AgentName: true,
	genai.PromptName: true, "gen_ai.data_source.id": true, "gen_ai.workflow.name": true,
	genai.RequestModel: true, genai.RequestTemperature: true, genai.RequestTopP: true, genai.RequestTopK: true,
	genai.RequestMaxTokens: true, genai.RequestStop: true,
	genai.RequestFrequency: true, genai.RequestPresence: true, genai.RequestSeed: true, genai.RequestChoices: true,
	genai.RequestStream: true,
	genai.ResponseID:    true, genai.ResponseModel: true, genai.ResponseFinish: true,
	genai.UsageInput: true, genai.UsageOutput: true, genai.UsageCacheRead: true, genai.UsageCacheWrite: true,
	genai.UsageReasoning: true, genai.EmbeddingsDimensions: true,
}

// ofTrace are the attributes that only the topmost span gets, besides tags and metadata.
var ofTrace = map[string]bool{
	genai.TraceRequestID: true, genai.ExperimentID: true, genai.ClientRequestID: true, genai.TraceState: true,
	genai.Revision: true, genai.Assessments: true,
	genai.RequestPreview: true, genai.ResponsePreview: true, genai.SessionID: true, genai.ConversationID: true,
	genai.UserID: true, genai.TraceIDSynthetic: true,
	genai.TraceLocation: true,
}

// documented returns an error for an attribute that neither the client nor the documentation has.
func documented(x *Trace, w *Span, s ptrace.Span, top bool) error {
	for k := range s.Attributes().All() {
		if _, own := w.Attributes[k]; own || derived[k] || top && ofTrace[k] {
			continue
		}
		if top {
			_, tag := x.Info.Tags[strings.TrimPrefix(k, genai.TraceTagPrefix)]
			_, metadata := x.Info.Metadata[strings.TrimPrefix(k, genai.TraceMetadataPrefix)]
			if tag || metadata {
				continue
			}
		}
		return fmt.Errorf("attribute %s is not documented", k)
	}
	return nil
}
