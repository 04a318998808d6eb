package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// assessments reads the assessments of the traces, of each in the order of creation and id.
func (s *Store) assessments(ctx context.Context, list string, infos []mlflow.Info) error {
	var key, created, updated, valid integer
	var id, name, kind, value, failure, sourceType, sourceID, span, rationale, overrides, metadata text
	columns, dest := []string{"ids.key"}, []any{&key}
	for _, c := range []struct {
		name string
		to   any
	}{
		{"assessment_id", &id}, {"name", &name}, {"assessment_type", &kind}, {"value", &value}, {"error", &failure},
		{"created_timestamp", &created}, {"last_updated_timestamp", &updated}, {"source_type", &sourceType}, {"source_id", &sourceID},
		{"span_id", &span}, {"rationale", &rationale}, {"overrides", &overrides}, {"valid", &valid}, {"assessment_metadata", &metadata},
	} {
		if s.schema.assessments[c.name] {
			columns, dest = append(columns, "t."+c.name), append(dest, c.to)
		}
	}
	valid.n = 1
	q := "SELECT " + strings.Join(columns, ", ") + " FROM " + s.d.ids + " assessments t ON t.trace_id = ids.value"
	reset := func() {
		for i := range infos {
			infos[i].Assessments = nil
		}
	}
	err := s.query(ctx, reset, q, []any{list}, dest, func() error {
		info := &infos[key.n]
		a := mlflow.Assessment{
			ID: id.s, Name: name.s, TraceID: info.ID, SpanID: span.s,
			SourceType: sourceKind(sourceType.s), SourceID: sourceID.s,
			Created: created.n, Updated: updated.n,
			Kind: mlflow.AssessmentKind(kind.s), Rationale: rationale.s, Overrides: overrides.s, Invalid: valid.n == 0,
		}
		setValue(&a, value.bytes())
		if !failure.null && a.Kind == mlflow.Feedback {
			a.Error = assessmentError(failure.bytes())
		}
		if !metadata.null {
			a.Metadata = stringMap(metadata.bytes())
		}
		info.Assessments = append(info.Assessments, a)
		return nil
	})
	if err != nil {
		return err
	}
	for i := range infos {
		slices.SortFunc(infos[i].Assessments, func(a, b mlflow.Assessment) int {
			return cmp.Or(cmp.Compare(a.Created, b.Created), strings.Compare(a.ID, b.ID))
		})
	}
	return nil
}

// setValue puts the stored JSON text into the member that the server would answer with.
func setValue(a *mlflow.Assessment, stored []byte) {
	switch a.Kind {
	case mlflow.Issue:
		for _, kv := range stringMap(stored) {
			if kv.Key == "issue_name" {
				a.Value = pyjson.AppendString(nil, kv.Value)
			}
		}
	case mlflow.Expectation:
		if trimmed := bytes.TrimLeft(stored, " \t\r\n"); len(trimmed) > 0 && (trimmed[0] == '[' || trimmed[0] == '{') {
			a.Serialized = string(stored)
			return
		}
		a.Value = mlflow.CanonicalValue(stored)
	default:
		a.Value = mlflow.CanonicalValue(stored)
	}
}

// sourceKind standardises the type of a source as MLflow does: early stores hold lower case and AI_JUDGE.
func sourceKind(s string) string {
	if s = strings.ToUpper(s); s == "AI_JUDGE" {
		return "LLM_JUDGE"
	}
	return s
}

// assessmentError reads the JSON object of the error column. What isn't one has no code and no message, but there was an error.
func assessmentError(stored []byte) *mlflow.AssessmentError {
	var e mlflow.AssessmentError
	for _, kv := range stringMap(stored) {
		switch kv.Key {
		case "error_code":
			e.Code = kv.Value
		case "error_message":
			e.Message = kv.Value
		case "stack_trace":
			e.StackTrace = kv.Value
		}
	}
	return &e
}

// stringMap reads a flat JSON object as the server passes it on: values that are no strings as Python prints them, null ones left out; sorted by key. Text that
// is no such object gives nothing.
func stringMap(stored []byte) []mlflow.KeyValue {
	s := pyjson.NewScanner(stored)
	var pairs []mlflow.KeyValue
	for s.Open(pyjson.Object); s.NextMember(); {
		key := string(s.Key())
		switch s.Kind() {
		case pyjson.String:
			pairs = append(pairs, mlflow.KeyValue{Key: key, Value: s.Str()})
		case pyjson.Null:
			s.Null()
		case pyjson.Bool:
			value := "False"
			if s.Bool() {
				value = "True"
			}
			pairs = append(pairs, mlflow.KeyValue{Key: key, Value: value})
		default:
			pairs = append(pairs, mlflow.KeyValue{Key: key, Value: string(s.Skip())})
		}
	}
	if s.Err() != nil {
		return nil
	}
	return sorted(pairs)
}
