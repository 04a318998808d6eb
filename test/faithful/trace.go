// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faithful

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// compareTrace compares what the topmost span carries for the whole trace: id, state, every tag,
// all metadata, all assessments.
func compareTrace(x *Trace, s ptrace.Span) error {
	w := &x.Spans[topmost(x.Spans)]
	if err := documented(x, w, s, true); err != nil {
		return err
	}
	state := x.Info.State
	if state == "STATE_UNSPECIFIED" {
		state = ""
	}
	for _, field := range []struct {
		key  string
		want *string
	}{
		{genai.TraceRequestID, &x.TraceID}, {genai.TraceState, &state}, {genai.ClientRequestID, x.Info.ClientRequestID},
	} {
		if _, own := w.Attributes[field.key]; !own {
			if err := text(s, field.key, field.want); err != nil {
				return err
			}
		}
	}
	for k, v := range x.Info.Tags {
		if err := carried(w, s, v, k, genai.TraceTagPrefix+k); err != nil {
			return fmt.Errorf("tag %s: %w", k, err)
		}
	}
	for k, v := range x.Info.Metadata {
		if err := carried(w, s, v, k, genai.TraceMetadataPrefix+k); err != nil {
			return fmt.Errorf("metadata %s: %w", k, err)
		}
	}
	return compareAssessments(x, s)
}

// carried looks for a tag or metadata under the names that it may have; a producer's attribute of
// the same name and value will do.
func carried(w *Span, s ptrace.Span, want string, names ...string) error {
	for _, name := range names {
		if v, ok := s.Attributes().Get(name); ok && v.Type() == pcommon.ValueTypeStr && v.Str() == want {
			return nil
		}
		if own, ok := w.Attributes[name]; ok && fmt.Sprint(own) == want {
			return nil
		}
	}
	return fmt.Errorf("want %q under one of %v", want, names)
}

func text(s ptrace.Span, key string, want *string) error {
	v, ok := s.Attributes().Get(key)
	switch {
	case want == nil || *want == "":
		if ok {
			return fmt.Errorf("%s: got %q, want none", key, v.AsString())
		}
	case !ok || v.Type() != pcommon.ValueTypeStr || v.Str() != *want:
		return fmt.Errorf("%s: got %q, want %q", key, v.AsString(), *want)
	}
	return nil
}

func compareAssessments(x *Trace, s ptrace.Span) error {
	var newest int64
	list := []any{}
	for i := range x.Assessments {
		newest = max(newest, x.Assessments[i].LastUpdateTimeMs)
		list = append(list, x.Assessments[i].wire(x.TraceID))
	}
	if v, ok := s.Attributes().Get(genai.Revision); !ok || v.Int() != newest {
		return fmt.Errorf("%s: got %s, want %d", genai.Revision, v.AsString(), newest)
	}
	got, ok := s.Attributes().Get(genai.Assessments)
	if len(list) == 0 {
		if ok {
			return fmt.Errorf("%s: got %s, want none", genai.Assessments, short(got.AsString()))
		}
		return nil
	}
	if !ok {
		return fmt.Errorf("%s is missing", genai.Assessments)
	}
	var isText bool
	if err := equal(list, got, strings.Contains(jsonAttributes(s), genai.Assessments), &isText); err != nil {
		return fmt.Errorf("%s%w", genai.Assessments, err)
	}
	return nil
}

func jsonAttributes(s ptrace.Span) string {
	v, ok := s.Attributes().Get(genai.JSONAttributes)
	if !ok {
		return ""
	}
	return v.AsString()
}

// wire spells an assessment as a REST answer of MLflow does.
func (a *Assessment) wire(traceID string) map[string]any {
	m := map[string]any{
		"assessment_id": a.ID, "assessment_name": a.Name, "trace_id": traceID, "create_time": timestamp(a.CreateTimeMs),
		"last_update_time": timestamp(a.LastUpdateTimeMs),
		"valid":            a.Valid == nil || *a.Valid,
	}
	source := map[string]any{"source_type": a.Source.Type}
	put(source, "source_id", a.Source.ID)
	m["source"] = source
	put(m, "span_id", a.SpanID)
	put(m, "rationale", a.Rationale)
	put(m, "overrides", a.Overrides)
	if len(a.Metadata) > 0 {
		metadata := map[string]any{}
		for k, v := range a.Metadata {
			metadata[k] = v
		}
		m["metadata"] = metadata
	}
	held := map[string]any{}
	switch a.Kind {
	case "issue":
		held["issue_name"] = a.Value
	case "expectation":
		switch a.Value.(type) {
		case []any, map[string]any:
			text, _ := json.Marshal(a.Value)
			held["serialized_value"] = map[string]any{"serialization_format": "JSON_FORMAT", "value": serialized(text)}
		default:
			held["value"] = double(a.Value)
		}
	default:
		held["value"] = double(a.Value)
		if a.Error != nil {
			e := map[string]any{"error_code": a.Error.Code}
			put(e, "error_message", a.Error.Message)
			put(e, "stack_trace", a.Error.StackTrace)
			held["error"] = e
		}
	}
	m[a.Kind] = held
	return m
}

// serialized is a string that is compared as JSON, whatever its spelling.
type serialized string

// double makes numbers what MLflow's wire makes of them.
func double(v any) any {
	switch v := v.(type) {
	case json.Number:
		if !isFloat(v) {
			return json.Number(v.String() + ".0")
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = double(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			out[k] = double(v[k])
		}
		return out
	}
	return v
}

func put(m map[string]any, key string, value *string) {
	if value != nil && *value != "" {
		m[key] = *value
	}
}

func timestamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
