// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// revisions maps the newest migration of a store to the MLflow versions that ship with it as the
// last one. Read from the migrations in the packages of every release from 2.14.0 to 3.18.0.
var revisions = map[string]string{
	"5b0e9adcef9c":  "2.14",
	"4465047574b1":  "2.15 to 2.16",
	"f5a4f2784254":  "2.17",
	"0584bdc529eb":  "2.18 to 2.22",
	"6953534de441":  "3.0.0 or 3.1.0",
	"bda7b8c39065":  "3.0.1 or 3.1",
	"770bee3ae1dd":  "3.2",
	"1a0cddfcaa16":  "3.3",
	"71994744cf8e":  "3.4",
	"bf29a5ff90ea":  "3.5 to 3.7",
	"1bd49d398cd23": "3.8",
	"d3e4f5a6b7c8":  "3.9",
	"1b5f0d9ad7c1":  "3.10",
	"c3d6457b6d8a":  "3.11",
	"7d34483879f0":  "3.12",
	"da6fb0208061":  "3.13",
	"b7e4c1a90f23":  "3.14",
	"6f8d9c3b2a1e":  "3.15",
	"b7e2c1a4d9f3":  "3.16",
	"dc11669786a5":  "3.17",
	"f4a9b2c7d1e6":  "3.18",
}

// lacks reports whether the stores of a revision are known to have no such table.
func lacks(revision, table string) bool {
	switch revision {
	case "5b0e9adcef9c", "4465047574b1", "f5a4f2784254", "0584bdc529eb", "6953534de441", "bda7b8c39065": // up to 3.1
		return table == "assessments" || table == "spans"
	case "770bee3ae1dd", "1a0cddfcaa16": // 3.2 and 3.3
		return table == "spans"
	}
	return false
}

// required are the columns without which nothing can be read; every version since 2.14 has them.
var required = []struct {
	table   string
	columns []string
}{
	{"experiments", []string{"experiment_id", "name", "artifact_location", "lifecycle_stage"}},
	{"trace_info", []string{"request_id", "experiment_id", "timestamp_ms", "execution_time_ms", "status"}},
	{"trace_tags", []string{"request_id", "key", "value"}},
	{"trace_request_metadata", []string{"request_id", "key", "value"}},
}

// schema is what was found in the database. Everything optional is decided by the columns that
// exist, never by the revision.
type schema struct {
	revision               string
	traceInfo, experiments map[string]bool
	// hasSpans: since 3.4. hasAssessments: since 3.2.
	hasSpans, hasAssessments bool
	assessments              map[string]bool
	hasWorkspaces            bool // since 3.10
}

// version returns the revision and what is known about it.
func (s *schema) version() string {
	switch v := revisions[s.revision]; {
	case s.revision == "":
		return "no schema revision; the columns look familiar"
	case v == "":
		return "schema " + s.revision + " (unknown revision; the columns look familiar)"
	default:
		return "schema " + s.revision + " (MLflow " + v + ")"
	}
}

// errDenied is the error for a table that is there and that the user can't read.
var errDenied = errors.New("permission denied")

// discover reads the schema.
func (s *Store) discover(ctx context.Context, at session) (schema, error) {
	var found schema
	columns := func(table string) (map[string]bool, error) {
		have, err := s.d.columns(ctx, at, table)
		if errors.Is(err, errDenied) && lacks(found.revision, table) {
			return nil, nil // MySQL tells a limited user of a table that is not there that it is denied
		}
		if errors.Is(err, errDenied) {
			err = fmt.Errorf("table %s: %w; an administrator can grant it: %s", table, err, s.grants(table))
		}
		return have, err
	}
	versions, err := columns("alembic_version")
	if err != nil {
		return found, err
	}
	if versions["version_num"] {
		var version text
		err := at.query(ctx, query{text: "SELECT version_num FROM alembic_version", dest: []destination{&version}},
			func() error { found.revision = strings.Clone(version.s); return nil })
		if err != nil {
			return found, err
		}
	}
	for _, want := range required {
		have, err := columns(want.table)
		if err != nil {
			return found, err
		}
		if missing := slices.DeleteFunc(slices.Clone(want.columns),
			func(c string) bool { return have[c] }); len(missing) > 0 {
			return found, found.refusal(want.table, missing, len(have) == 0)
		}
		if want.table == "trace_info" {
			found.traceInfo = have
		}
		if want.table == "experiments" {
			found.experiments, found.hasWorkspaces = have, have["workspace"]
		}
	}
	spans, err := columns("spans")
	if err != nil {
		return found, err
	}
	found.hasSpans = spans["trace_id"] && spans["span_id"] && spans["parent_span_id"] &&
		spans["start_time_unix_nano"] && spans["content"]
	if len(spans) > 0 && !found.hasSpans {
		return found, found.refusal("spans",
			[]string{"trace_id, span_id, parent_span_id, start_time_unix_nano or content"}, false)
	}
	if found.assessments, err = columns("assessments"); err != nil {
		return found, err
	}
	found.hasAssessments = found.assessments["assessment_id"] && found.assessments["trace_id"] &&
		found.assessments["name"] && found.assessments["assessment_type"] && found.assessments["value"]
	if len(found.assessments) > 0 && !found.hasAssessments {
		return found, found.refusal("assessments",
			[]string{"assessment_id, trace_id, name, assessment_type or value"}, false)
	}
	return found, nil
}

// refusal says what was found and what was expected.
func (s *schema) refusal(table string, missing []string, absent bool) error {
	found := "no schema revision"
	if s.revision != "" {
		found = "schema revision " + s.revision
		if v := revisions[s.revision]; v != "" {
			found += " (MLflow " + v + ")"
		}
	}
	what := fmt.Sprintf("table %s lacks %s", table, strings.Join(missing, ", "))
	if absent {
		what = "there is no table " + table
	}
	return fmt.Errorf("not the store of an MLflow version that can be read (2.14 to 3.18): found %s, but %s; if the "+
		"server is older, upgrade the store with `mlflow db upgrade`, else read through the tracking server", found,
		what)
}
