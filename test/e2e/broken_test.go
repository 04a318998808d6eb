// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// attributes100k is the members of an object of 100,000 attributes, and huge the text of a value of
// 100 MB.
func attributes100k() string {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, `"attribute %d": "%d", `, i, i)
	}
	return b.String()
}

func huge() string { return `"\"` + strings.Repeat("x", 100<<20) + `\""` }

func nested() string { return strings.Repeat(`{\"n\": `, 10_000) + "1" + strings.Repeat("}", 10_000) }

// damages says what is done to the document of a span or trace, and the reason for which the trace
// is skipped then; "" is delivered all the same.
var damages = []struct {
	name, reason string
	change       func(document string) (changed string)
}{
	{"truncated", "corrupt", func(d string) string { return d[:len(d)/2] }},
	{"another thing", "corrupt", func(string) string { return "<html>login</html>" }},
	{"huge attribute", "too_large", func(d string) string {
		return strings.Replace(d, `"attributes": {`, `"attributes": {"hundred megabytes": `+huge()+`, `, 1)
	}},
	{"many attributes", "", func(d string) string {
		return strings.Replace(d, `"attributes": {`, `"attributes": {`+attributes100k(), 1)
	}},
	{"deep", "", func(d string) string {
		return strings.Replace(d, `"attributes": {`, `"attributes": {"deep": "`+nested()+`", `, 1)
	}},
}

// One broken trace costs at most that trace, in a store.
func TestBrokenInStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := copyOf(t, sample, dir)
	traces := s.column(`SELECT DISTINCT s.trace_id FROM spans s JOIN experiments e ON e.experiment_id = ` +
		`s.experiment_id WHERE e.lifecycle_stage = 'active' AND e.name = 'support-bot' ORDER BY 1`)
	want := map[string]string{"tr-5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e": "no_spans"} // of the sample itself
	for i, f := range damages {
		trace := traces[7*i]
		span := s.one(`SELECT span_id FROM spans WHERE trace_id = ? AND parent_span_id IS NULL`, trace)
		document := s.one(`SELECT content FROM spans WHERE trace_id = ? AND span_id = ?`, trace, span)
		changed := f.change(document)
		require.NotEqual(t, document, changed)
		s.exec(`UPDATE spans SET content = ? WHERE trace_id = ? AND span_id = ?`, changed, trace, span)
		if f.reason != "" {
			want[trace] = f.reason
		}
	}
	gone := traces[len(traces)-1]
	s.exec(`DELETE FROM spans WHERE trace_id = ?`, gone)
	want[gone] = "no_spans"
	requireListed(t, dir, s.URI(), []any{"support-bot"}, want, 107)
}

// The same in the artifacts of servers, and of the store underneath.
func TestBrokenInArtifacts(t *testing.T) {
	for version, server := range map[string]func() (*shared, error){"3.4.0": artifactsV3, "2.22.5": artifactsV2} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := need(t, server)
			files, want := documents(t, s, t.Name())
			traces, ids := len(files)+len(want), sorted(files)
			for i, f := range damages {
				document, err := os.ReadFile(files[ids[i]])
				require.NoError(t, err)
				changed := f.change(string(document))
				require.NotEqual(t, string(document), changed)
				require.NoError(t, os.WriteFile(files[ids[i]], []byte(changed), 0o600))
				if f.reason != "" {
					want[ids[i]] = f.reason
				}
			}
			n := len(ids)
			require.NoError(t, os.Remove(files[ids[n-1]]))
			require.NoError(t, os.WriteFile(files[ids[n-2]], []byte(`{"spans": []}`), 0o600))
			require.NoError(t, os.WriteFile(files[ids[n-3]], nil, 0o600))
			want[ids[n-1]], want[ids[n-2]], want[ids[n-3]] = "artifact_missing", "no_spans", ""
			sources := map[string]string{"REST": s.URL}
			// a server of 3.4.0 keeps the spans in the database, too, where nothing is broken
			if version == mlflowserver.ArtifactsV2 {
				sources["SQLite"] = s.SQLite()
			}
			for way, source := range sources {
				t.Run(way, func(t *testing.T) {
					if want[ids[n-3]] = "artifact_missing"; way == "SQLite" { // to a server an empty file is none
						want[ids[n-3]] = "corrupt"
					}
					requireListed(t, t.TempDir(), source, []any{"TestBrokenInArtifacts/" + version}, want, traces)
				})
			}
		})
	}
}

// requireListed runs a backfill of which exactly the given traces are listed as skipped, each with
// its reason, and everything else arrives.
func requireListed(t *testing.T, dir, source string, names []any, want map[string]string, traces int) {
	t.Helper()
	c := collector.Backfill(source, dir).Set("receivers::mlflow::experiments::names",
		names).Set("receivers::mlflow::max_skipped", "50%")
	p := collector.Run(t, dir, c, 0)
	got := map[string]string{}
	for _, x := range collector.ReadSkipped(t, dir) {
		got[x.TraceID] = x.Reason
		assert.NotEmpty(t, x.Detail, "%s %s", x.Reason, x.TraceID)
	}
	for id, reason := range got {
		if reason == "in_progress" {
			delete(got, id)
		}
	}
	assert.Equal(t, want, got)
	arrived := otlpsink.TraceIDs(collector.Traces(t, dir))
	assert.Len(t, arrived, traces-len(want))
	for id := range want {
		assert.NotContains(t, arrived, id)
	}
	for _, reason := range want {
		assert.Contains(t, p.Out(), reason)
	}
}

// documents makes an experiment of the given name with traces in artifacts and returns their files
// by trace id, and the finished traces that have none, with the reason for which they will be
// skipped.
func documents(t *testing.T, s *shared, name string) (files, without map[string]string) {
	t.Helper()
	g, err := s.Generate(mlflowserver.Login{}, "--prefix", name, "--small", "--count", "60")
	require.NoError(t, err)
	root := filepath.Join(s.Dir, "artifacts", g.Experiments[name], "traces")
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	files, without = map[string]string{}, map[string]string{}
	for _, e := range entries {
		path := filepath.Join(root, e.Name(), "artifacts", "traces.json")
		if _, err := os.Stat(path); err == nil {
			files[e.Name()] = path
		}
	}
	for label, id := range g.Traces {
		if files[id] == "" &&
			!slices.Contains([]string{"in_progress", "second", "second_later", "deleted_1", "deleted_2"}, label) {
			without[id] = "artifact_missing"
		}
	}
	require.Greater(t, len(files), 60)
	return files, without
}

func sorted(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Break 50 artifacts, run, repair them, run with the list of what was skipped: exactly those 50
// arrive.
func TestRepairFifty(t *testing.T) {
	t.Parallel()
	s := need(t, artifactsV3)
	files, _ := documents(t, s, t.Name())
	original := map[string][]byte{}
	for _, id := range sorted(files)[:50] {
		b, err := os.ReadFile(files[id])
		require.NoError(t, err)
		original[id] = b
		require.NoError(t, os.WriteFile(files[id], b[:len(b)/2], 0o600))
	}
	dir, sink := t.TempDir(), otlpsink.New(t)
	run := func(share string, status int) *collector.Process {
		c := collector.Backfill(s.URL, dir).Set("receivers::mlflow::experiments::names",
			[]any{t.Name()}).Set("receivers::mlflow::max_skipped", share).ToOTLP(sink.URL, nil)
		return collector.Run(t, dir, c, status)
	}
	p := run("1%", 1)
	assert.Contains(t, p.Out(), "more than max_skipped 1%")
	run("90%", 0) // nothing new, and what is missing is tolerated now
	before := otlpsink.TraceIDs(sink.Accepted())
	for id, b := range original {
		require.NotContains(t, before, id)
		require.NoError(t, os.WriteFile(files[id], b, 0o600))
	}
	list := filepath.Join(t.TempDir(), "skipped.jsonl")
	var text strings.Builder
	for _, x := range collector.ReadSkipped(t, dir) {
		// corrupt; source_error where the cut went through a character and the server fails
		if _, broken := original[x.TraceID]; broken {
			line, err := json.Marshal(x)
			require.NoError(t, err)
			text.Write(append(line, '\n'))
		}
	}
	write(t, list, text.String())
	again := otlpsink.New(t)
	c := collector.Backfill(s.URL, dir).Set("receivers::mlflow::experiments::names",
		[]any{t.Name()}).Set("receivers::mlflow::trace_ids_file", list).
		Set("receivers::mlflow::max_skipped", "20%").ToOTLP(again.URL, nil)
	collector.Run(t, dir, c, 0)
	arrived := otlpsink.TraceIDs(again.Accepted())
	assert.Len(t, arrived, 50)
	for id := range original {
		assert.Equal(t, 1, arrived[id], id)
	}
	p = run("20%", 0) // the list has settled what was missing
	assert.True(t, strings.HasPrefix(p.Out(), "complete: "), p.Out())
	requireOnce(t, again.Spans())
}

// A store whose spans all lie in a bucket ends with status 1 and says so in its first line.
func TestBucket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := copyOf(t, sample, dir)
	s.exec(`DELETE FROM spans`)
	s.exec(`DELETE FROM trace_tags WHERE key = 'mlflow.trace.spansLocation'`)
	s.exec(`UPDATE trace_tags SET value = 's3://company-bucket/mlflow/' || request_id || '/artifacts' WHERE key = ` +
		`'mlflow.artifactLocation'`)
	s.exec(`DELETE FROM trace_info WHERE request_id NOT IN (SELECT request_id FROM trace_tags WHERE key = ` +
		`'mlflow.artifactLocation')`)
	s.exec(`DELETE FROM trace_info WHERE status = 'IN_PROGRESS'`)
	n := s.one(`SELECT count(*) FROM trace_info i JOIN experiments e ON e.experiment_id = i.experiment_id WHERE ` +
		`e.lifecycle_stage = 'active'`)
	p := collector.Run(t, dir, collector.Backfill(s.URI(), dir), 1)
	first, _, _ := strings.Cut(p.Out(), "\n")
	assert.Regexp(t, `^0 of `+n+` delivered: spans are in s3://company-bucket\S* \(not readable here; write `+
		`artifacts::s3, or read through the tracking server\)$`, first)
	report := collector.ReadReport(t, dir)
	assert.Equal(t, first, report.Headline)
	assert.False(t, report.Complete)
}
