// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

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

// assessmentRow is what is scanned of a row of assessments.
type assessmentRow struct {
	of                                                                                         member
	created, updated, valid                                                                    integer
	id, name, kind, value, failure, sourceType, sourceID, span, rationale, overrides, metadata text
}

func (s *Store) assessmentsQuery(list *idList, row *assessmentRow) query {
	row.valid.n = 1
	names, dest := selected(s.schema.assessments, []column{
		{"assessment_id", &row.id}, {"name", &row.name}, {"assessment_type", &row.kind}, {"value", &row.value},
		{"error", &row.failure},
		{"created_timestamp", &row.created}, {"last_updated_timestamp", &row.updated}, {"source_type", &row.sourceType},
		{"source_id", &row.sourceID},
		{"span_id", &row.span}, {"rationale", &row.rationale}, {"overrides", &row.overrides}, {"valid", &row.valid},
		{"assessment_metadata", &row.metadata},
	})
	return s.rowsOf(list, &row.of, "assessments", "trace_id", strings.TrimPrefix(names, ", "), dest)
}

// assessments reads the assessments of the traces, of each in the order of creation and id.
func (s *Store) assessments(ctx context.Context, at session, list *idList, infos []mlflow.Info,
	arenas []arena) error {
	var row assessmentRow
	type found struct {
		i int
		a mlflow.Assessment
	}
	var rows []found
	err := at.query(ctx, s.assessmentsQuery(list, &row), func() error {
		own := &arenas[row.of.at]
		a := mlflow.Assessment{
			ID: own.keep(row.id.s), Name: own.keep(row.name.s), TraceID: infos[row.of.at].ID,
			SpanID:     own.keep(row.span.s),
			SourceType: sourceKind(row.sourceType.s), SourceID: own.keep(row.sourceID.s),
			Created: row.created.n, Updated: row.updated.n,
			Kind: assessmentKind(row.kind.s), Rationale: own.keep(row.rationale.s),
			Overrides: own.keep(row.overrides.s), Invalid: row.valid.n == 0,
		}
		setValue(&a, row.value.bytes())
		if a.Kind == mlflow.AssessmentKindFeedback && row.failure.s != "" {
			a.Error = assessmentError(readOnly(own.keep(row.failure.s)))
		}
		if row.metadata.s != "" {
			a.Metadata = stringMap(readOnly(own.keep(row.metadata.s)))
		}
		rows = append(rows, found{row.of.at, a})
		return nil
	})
	if err != nil {
		return err
	}
	counts := make([]int, len(infos))
	for i := range rows {
		counts[rows[i].i]++
	}
	for i, n := range counts {
		if n > 0 {
			infos[i].Assessments = make([]mlflow.Assessment, 0, n)
		}
	}
	for i := range rows {
		info := &infos[rows[i].i]
		info.Assessments = append(info.Assessments, rows[i].a)
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
	case mlflow.AssessmentKindIssue:
		for _, kv := range stringMap(stored) { // copied below
			if kv.Key == "issue_name" {
				a.Value = pyjson.AppendString(nil, kv.Value)
			}
		}
	case mlflow.AssessmentKindExpectation:
		if trimmed := bytes.TrimLeft(stored, " \t\r\n"); len(trimmed) > 0 && (trimmed[0] == '[' || trimmed[0] == '{') {
			a.Serialized = string(stored)
			return
		}
		a.Value = mlflow.CanonicalValue(stored)
	default:
		a.Value = mlflow.CanonicalValue(stored)
	}
}

// sourceKind standardizes the type of a source as MLflow does: early stores hold lower case and
// AI_JUDGE.
func sourceKind(s string) string {
	switch s {
	case "HUMAN":
		return "HUMAN"
	case "LLM_JUDGE":
		return "LLM_JUDGE"
	case "CODE":
		return "CODE"
	}
	if s = strings.ToUpper(s); s == "AI_JUDGE" {
		return "LLM_JUDGE"
	}
	return strings.Clone(s)
}

func assessmentKind(s string) mlflow.AssessmentKind {
	for _, k := range [...]mlflow.AssessmentKind{mlflow.AssessmentKindFeedback, mlflow.AssessmentKindExpectation,
		mlflow.AssessmentKindIssue} {
		if s == string(k) {
			return k
		}
	}
	return mlflow.AssessmentKind(strings.Clone(s))
}

// assessmentError reads the JSON object of the error column. What isn't one has no code and no
// message, but there was an error.
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

// stringMap reads a flat JSON object as the server passes it on: values that are no strings as
// Python prints them, null ones left out; sorted by key. Text that is no such object gives nothing.
func stringMap(stored []byte) []mlflow.KeyValue {
	s := pyjson.NewScanner(stored)
	var pairs []mlflow.KeyValue
	for s.Open(pyjson.KindObject); s.NextMember(); {
		key := string(s.Key())
		switch s.Kind() {
		case pyjson.KindString:
			pairs = append(pairs, mlflow.KeyValue{Key: key, Value: s.Str()})
		case pyjson.KindNull:
			s.Null()
		case pyjson.KindBool:
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
	return sorted(pairs, 0)
}
