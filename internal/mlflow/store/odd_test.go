// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/artifacts"
)

// change runs statements on a store.
func change(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	for _, q := range statements {
		_, err := db.ExecContext(context.Background(), q)
		require.NoError(t, err, q)
	}
}

// Traces of the sample.
const (
	first  = "tr-424b1fee9709931505d95954058b4714"
	second = "tr-a69e376ceb914564fac67a4b00b8bf7d"
)

// TestOddRows breaks one trace in many ways; every other trace must be read all the same.
func TestOddRows(t *testing.T) {
	const of = " WHERE trace_id = '" + first + "'"
	tag := func(key, value string) string {
		return "INSERT OR REPLACE INTO trace_tags (request_id, key, value) VALUES ('" + first + "', '" + key +
			"', '" + value + "')"
	}
	inArtifacts := []string{"DELETE FROM spans" + of, tag(mlflow.TagSpansLocation, mlflow.SpansInArtifacts)}
	deep := strings.Repeat("[", 10000) + strings.Repeat("]", 10000)
	for name, tc := range map[string]struct {
		change []string
		reason mlflow.Reason // empty: the trace is read
		detail string
	}{
		"truncated": {[]string{"UPDATE spans SET content = substr(content, 1, 400)" + of +
			" AND span_id = 'e04f14a7b6d801b2'"}, mlflow.ReasonCorrupt,
			"span e04f14a7b6d801b2: the spans are not valid JSON"},
		"not JSON":   {[]string{"UPDATE spans SET content = 'hello'" + of}, mlflow.ReasonCorrupt, "at byte"},
		"a blob":     {[]string{"UPDATE spans SET content = CAST(content AS BLOB)" + of}, "", ""},
		"an integer": {[]string{"UPDATE spans SET content = 17" + of}, mlflow.ReasonCorrupt, "span "},
		"deep": {[]string{"UPDATE spans SET content = json_set(content, '$.attributes.deep', '" +
			deep + "')" + of}, "", ""},
		"large span": {[]string{"UPDATE spans SET content = hex(zeroblob(1000000))" + of +
			" AND span_id = 'e04f14a7b6d801b2'"}, mlflow.ReasonTooLarge, "more than the limit of 1048576"},
		"large sum": {[]string{"UPDATE spans SET content = hex(zeroblob(150000))" + of}, mlflow.ReasonTooLarge,
			"more than the limit of 1048576"},
		"no spans": {[]string{"DELETE FROM spans" + of}, mlflow.ReasonNoSpans, "holds no spans"},
		"archiving": {[]string{"UPDATE spans SET content = ''" + of}, mlflow.ReasonArtifactMissing,
			"its tag mlflow.trace.archiveLocation, which says where, is missing"},
		"archived": {[]string{"UPDATE spans SET content = ''" + of,
			tag(mlflow.TagSpansLocation, mlflow.SpansInArchive), tag(tagArchiveLocation, "wasbs://box@account/1/x")},
			mlflow.ReasonUnreachable, "spans are in wasbs://box@account/…"},
		"null tag": {[]string{"UPDATE trace_tags SET value = NULL WHERE request_id = '" + first + "'",
			tag(mlflow.TagSpansLocation, mlflow.SpansInStore)}, "", ""},
		"null duration": {
			[]string{"UPDATE trace_info SET execution_time_ms = NULL, request_preview = NULL WHERE request_id = '" +
				first + "'"}, "", ""},
		"odd types": {[]string{"UPDATE trace_info SET execution_time_ms = 'soon', status = 17, total_cost = " +
			"'dear', total_tokens = 1.5 WHERE request_id = '" + first + "'",
			"UPDATE spans SET start_time_unix_nano = 'x', name = NULL" + of}, "", ""},
		"odd assessment": {[]string{"UPDATE assessments SET value = '{broken', error = '[1]', assessment_metadata = " +
			"'{\"a\": 1, \"b\": null, \"c\": [2]}', created_timestamp = 'x'" + of}, "", ""},
		"bucket": {append(inArtifacts,
			tag(mlflow.TagArtifactLocation, "s3://key:secret@bucket/1/traces/x/artifacts?token=secret")),
			mlflow.ReasonUnreachable, "spans are in s3://bucket/… (not readable here"},
		"dbfs": {append(inArtifacts, tag(mlflow.TagArtifactLocation, "dbfs:/a/b")), mlflow.ReasonUnreachable,
			"spans are in dbfs:/… (not readable here"},
		"proxied": {append(inArtifacts,
			tag(mlflow.TagArtifactLocation, "mlflow-artifacts://host:5000/1/traces/x/artifacts")),
			mlflow.ReasonUnreachable,
			"read through the tracking server"},
		"file": {append(inArtifacts, tag(mlflow.TagArtifactLocation, "file:///etc/traces/x/artifacts")),
			mlflow.ReasonArtifactMissing, "there is no traces.json"},
		"path": {append(inArtifacts, tag(mlflow.TagArtifactLocation, "/etc")), mlflow.ReasonArtifactMissing,
			"there is no traces.json"},
		"no location": {append(inArtifacts, "DELETE FROM trace_tags WHERE key = 'mlflow.artifactLocation'"),
			mlflow.ReasonNoSpans, "info only"},
		"old with rows": {
			[]string{"DELETE FROM trace_tags WHERE key = 'mlflow.trace.spansLocation' AND request_id = '" +
				first + "'"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := placeStore(t, "sample")
			change(t, path, tc.change...)
			s, err := Open(context.Background(), Target{Path: path}, Options{MaxTraceSize: 1 << 20})
			require.NoError(t, err)
			defer s.Close()
			traces, skips := readAll(t, s, 30)
			if tc.reason == "" {
				require.Contains(t, traces, first)
				require.Len(t, traces[first].Spans, 6)
				require.Len(t, traces, 123)
				return
			}
			require.Contains(t, skips, first)
			require.Equal(t, tc.reason, skips[first].Reason, skips[first])
			require.Contains(t, skips[first].Detail, tc.detail)
			require.NotContains(t, skips[first].Detail, "secret")
			require.Len(t, traces, 122)
		})
	}
}

// TestArtifacts reads artifacts from the folders where they may be and nowhere else.
func TestArtifacts(t *testing.T) {
	const document = `{"spans": [{"name": "n", "context": {"span_id": "0x00000000000000aa", "trace_id": ` +
		`"0x000000000000000000000000000000bb"}, "parent_id": null, "start_time": 1, "end_time": 2, "status_code": ` +
		`"OK", "status_message": "", "attributes": {}, "events": []}]}`
	path := placeStore(t, "sample")
	dir := filepath.ToSlash(filepath.Dir(path))
	write := func(folder, text string) {
		folder = filepath.Join(filepath.Dir(path), filepath.FromSlash(folder))
		require.NoError(t, os.MkdirAll(folder, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, artifacts.TraceFile), []byte(text), 0o600))
	}
	write("mlartifacts/1/traces/a/artifacts", document)
	write("mlruns/1/traces/b b/ü%1/artifacts", document)
	write("elsewhere/traces/c/artifacts", document)
	write("secret/traces/d/artifacts", document)
	write("mlartifacts/1/traces/huge/artifacts", document+strings.Repeat(" ", 2<<20))
	write("mlartifacts/1/traces/broken/artifacts", document[:100])
	folder := filepath.Join(dir, "mlartifacts/1/traces/folder/artifacts")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, artifacts.TraceFile), 0o700))
	require.NoError(t, os.Symlink(filepath.Join(dir, "secret/traces/d/artifacts"),
		filepath.Join(dir, "mlartifacts/1/traces/link")))
	change(t, path, "UPDATE experiments SET artifact_location = 'file://"+dir+"/elsewhere' WHERE experiment_id = 1")
	s, err := Open(context.Background(), Target{Path: path}, Options{MaxTraceSize: 1 << 20})
	require.NoError(t, err)
	defer s.Close()
	for location, reason := range map[string]mlflow.Reason{
		"mlflow-artifacts:/1/traces/a/artifacts":                  "",
		"mlflow-artifacts://host:5000/1/traces/a/artifacts":       "",
		"mlflow-artifacts:/1/traces/b b/ü%1/artifacts":            "",
		"mlflow-artifacts:/1/traces/b%20b/%C3%BC%251/artifacts":   "",
		"file://" + dir + "/elsewhere/traces/c/artifacts":         "",
		dir + "/elsewhere/traces/c/artifacts":                     "",
		"elsewhere/traces/c/artifacts":                            mlflow.ReasonArtifactMissing,
		"/moved/from/1/traces/a/artifacts":                        "",
		"file://" + dir + "/secret/traces/d/artifacts":            mlflow.ReasonArtifactMissing,
		dir + "/elsewhere/traces/../../secret/traces/d/artifacts": mlflow.ReasonArtifactMissing,
		"mlflow-artifacts:/../secret/traces/d/artifacts":          mlflow.ReasonArtifactMissing,
		"mlflow-artifacts:/%2e%2e/secret/traces/d/artifacts":      mlflow.ReasonArtifactMissing,
		"mlflow-artifacts:/1/traces/link":                         mlflow.ReasonArtifactMissing,
		"mlflow-artifacts:/1/traces/folder/artifacts":             mlflow.ReasonArtifactMissing,
		"mlflow-artifacts:/1/traces/huge/artifacts":               mlflow.ReasonTooLarge,
		"mlflow-artifacts:/1/traces/broken/artifacts":             mlflow.ReasonCorrupt,
		"mlflow-artifacts:/":                                      mlflow.ReasonArtifactMissing,
		"mlflow-artifacts://host":                                 mlflow.ReasonArtifactMissing,
		"":                                                        mlflow.ReasonArtifactMissing,
	} {
		info := mlflow.Info{ID: "x", State: mlflow.StateOK,
			Tags:     []mlflow.KeyValue{{Key: mlflow.TagArtifactLocation, Value: location}},
			Metadata: []mlflow.KeyValue{{Key: mlflow.MetaSchemaVersion, Value: "2"}},
		}
		trace, skip, err := s.artifact(context.Background(), info)
		require.NoError(t, err)
		if reason == "" {
			require.Nil(t, skip, location)
			require.Len(t, trace.Spans, 1)
			continue
		}
		require.NotNil(t, skip, location)
		require.Equal(t, reason, skip.Reason, "%s: %v", location, skip)
	}
}

// TestColumnsOnly reads a trace whose metadata are all in columns: it is sorted all the same.
func TestColumnsOnly(t *testing.T) {
	path := placeStore(t, "sample")
	change(t, path, "DELETE FROM trace_request_metadata", "DELETE FROM trace_tags",
		"UPDATE trace_info SET session_id = 's', trace_name = 'n', total_tokens = 3, input_tokens = NULL, "+
			"output_tokens = NULL, cache_read_input_tokens = NULL, total_cost = 1e-5, input_cost = NULL, "+
			"output_cost = 2")
	infos, err := open(t, path).Lookup(context.Background(), "", []string{second})
	require.NoError(t, err)
	require.Equal(t, []mlflow.KeyValue{{Key: tagTraceName, Value: "n"}}, infos[0].Tags)
	require.Equal(t, []mlflow.KeyValue{{Key: metaCost, Value: `{"output_cost": 2.0, "total_cost": 1e-05}`},
		{Key: metaSession, Value: "s"}, {Key: metaTokenUsage, Value: `{"total_tokens": 3}`}}, infos[0].Metadata)
}

func TestVanished(t *testing.T) {
	path := placeStore(t, "sample")
	s := open(t, path)
	infos, err := s.Infos(context.Background(), mlflow.Range{ExperimentID: "1"}, mlflow.Position{}, 10)
	require.NoError(t, err)
	change(t, path, "DELETE FROM trace_info WHERE request_id = '"+infos[3].ID+"'")
	n := 0
	require.NoError(t, s.Traces(context.Background(), infos, func(i int, _ *mlflow.Trace, skip *mlflow.Skip) error {
		n++
		if i == 3 {
			require.Equal(t, mlflow.ReasonVanished, skip.Reason)
		} else {
			require.Nil(t, skip)
		}
		return nil
	}))
	require.Equal(t, 10, n)
}

func TestLookupAndDetailed(t *testing.T) {
	s := open(t, testdata+"sample/mlflow.db")
	ctx := context.Background()
	ids := make([]string, 0, 1200)
	for range 599 {
		ids = append(ids, "tr-none", `quote"\`+"\x00\xff")
	}
	ids = append(ids, first, second)
	infos, err := s.Lookup(ctx, "", ids)
	require.NoError(t, err)
	require.Len(t, infos, 2)
	require.Equal(t, first, infos[0].ID)
	require.NotEmpty(t, infos[0].Tags)
	require.NotEmpty(t, infos[1].Assessments)
	bare := []mlflow.Info{{ID: first}, {ID: "tr-none"}, {ID: second}}
	require.NoError(t, s.Detailed(ctx, bare))
	require.Equal(t, []mlflow.Info{bare[0], bare[2]}, infos)
	require.Empty(t, bare[1].Tags)
	require.NoError(t, s.Detailed(ctx, bare), "once more, and nothing is doubled")
	require.Equal(t, []mlflow.Info{bare[0], bare[2]}, infos)

	found, err := s.Lookup(ctx, "", nil)
	require.NoError(t, err)
	require.Empty(t, found)
	require.NoError(t, s.Traces(ctx, nil, nil))
}

func TestWorkspace(t *testing.T) {
	path := placeStore(t, "sample")
	change(t, path, "UPDATE experiments SET workspace = 'other' WHERE experiment_id = 2")
	s, err := Open(context.Background(), Target{Path: path}, Options{MaxTraceSize: 1 << 20, Workspace: "other"})
	require.NoError(t, err)
	defer s.Close()
	experiments, err := s.Experiments(context.Background())
	require.NoError(t, err)
	require.Len(t, experiments, 1)
	infos, err := s.Lookup(context.Background(), "", []string{first})
	require.NoError(t, err)
	require.Empty(t, infos)
	_, err = Open(context.Background(), Target{Path: testdata + "stores/3.6.0/mlflow.db"},
		Options{MaxTraceSize: 1, Workspace: "w"})
	require.ErrorContains(t, err, `workspace "w" is set, but this store has no workspaces`)
}

func TestYieldError(t *testing.T) {
	s := open(t, testdata+"sample/mlflow.db")
	infos, err := s.Infos(context.Background(), mlflow.Range{ExperimentID: "1"}, mlflow.Position{}, 10)
	require.NoError(t, err)
	stop := errors.New("stop")
	require.Equal(t, stop,
		s.Traces(context.Background(), infos, func(int, *mlflow.Trace, *mlflow.Skip) error { return stop }))
	ctx, cancel := context.WithCancel(context.Background())
	require.ErrorIs(t, s.Traces(ctx, infos, func(int, *mlflow.Trace, *mlflow.Skip) error { cancel(); return nil }),
		context.Canceled)
}

// TestLargeTraces reads traces of 1 MB each: a window holds only some of them.
func TestLargeTraces(t *testing.T) {
	path := placeStore(t, "sample")
	change(t, path, `UPDATE spans SET content = '{"pad": "' || hex(zeroblob(500000)) || '", ' || substr(content, 2) `+
		`WHERE experiment_id = 1 AND parent_span_id IS NULL AND rowid % 3 = 0`)
	traces, skips := readAll(t, open(t, path), 500)
	require.Len(t, traces, 123)
	require.Len(t, skips, 1)
}

func TestSchema(t *testing.T) {
	for name, tc := range map[string]struct {
		change    []string
		version   string
		complaint string
	}{
		"unknown revision": {[]string{"UPDATE alembic_version SET version_num = 'ffffffffffff'",
			"ALTER TABLE trace_info ADD COLUMN news TEXT"},
			"schema ffffffffffff (unknown revision; the columns look familiar)", ""},
		"no revision": {[]string{"DROP TABLE alembic_version"},
			"no schema revision; the columns look familiar", ""},
		"renamed column": {[]string{"ALTER TABLE trace_info RENAME COLUMN status TO state"}, "",
			"found schema revision dc11669786a5 (MLflow 3.17), but table trace_info lacks status"},
		"renamed table": {[]string{"ALTER TABLE trace_tags RENAME TO tags_of_traces",
			"UPDATE alembic_version SET version_num = 'ffffffffffff'"}, "",
			"found schema revision ffffffffffff, but there is no table trace_tags"},
		"other spans": {[]string{"ALTER TABLE spans RENAME COLUMN content TO body"}, "",
			"table spans lacks trace_id, span_id, parent_span_id, start_time_unix_nano or content"},
		"other assessments": {[]string{"ALTER TABLE assessments RENAME COLUMN value TO body"}, "",
			"table assessments lacks"},
		"no spans, assessments": {[]string{"DROP TABLE spans", "DROP TABLE assessments"},
			"schema dc11669786a5 (MLflow 3.17)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := placeStore(t, "sample")
			change(t, path, tc.change...)
			s, err := Open(context.Background(), Target{Path: path}, Options{MaxTraceSize: 1 << 20})
			if tc.complaint != "" {
				require.ErrorContains(t, err, tc.complaint)
				return
			}
			require.NoError(t, err)
			defer s.Close()
			d, err := s.Describe(context.Background())
			require.NoError(t, err)
			require.Equal(t, tc.version, d.Version)
			readAll(t, s, 500)
		})
	}
}
