// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreportextension

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

var receiver = component.MustNewID("mlflow")

func run(complete bool) progress.Run {
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return progress.Run{
		Receiver: receiver, Mode: "backfill",
		Source:   mlflow.Description{Kind: "MLflow server", Location: "http://h:5000", Version: "3.17.2"},
		Delivery: progress.Acknowledged, Started: begin, Ended: begin.Add(2 * time.Second), Complete: complete,
		Headline: "complete: 2 of 3",
		Experiments: []progress.Experiment{{
			Experiment: mlflow.Experiment{ID: "1", Name: "support-bot"}, SourceCount: 3, Done: true,
			Run: progress.Totals{Read: 3, Accepted: 2, Spans: 5,
				Skipped: map[mlflow.Reason]int64{mlflow.ReasonNoSpans: 1},
				First:   begin.UnixMilli(), Last: begin.Add(48 * time.Hour).UnixMilli()},
		}},
		Samples: map[mlflow.Reason][]string{mlflow.ReasonNoSpans: {"tr-3"}},
	}
}

func begin(t *testing.T, cfg *Config, yaml string) (*reporter, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	r := newReporter(extensiontest.NewNopSettings(metadata.Type), cfg, &out)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.WithoutCancel(t.Context()))) })
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	require.NoError(t, r.NotifyConfigSnapshot(t.Context(), extensioncapabilities.NewConfigSnapshot(conf, conf)))
	return r, &out
}

const pipeline = `
receivers: {mlflow: {}}
exporters: {file: {path: out/traces.jsonl, rotation: {max_backups: 0}}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [file]}}}`

func TestReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "report.json")
	r, out := begin(t, &Config{Path: path}, pipeline)
	require.Equal(t, progress.DeliveryCheck{Delivery: progress.Acknowledged}, r.Delivery(receiver))
	require.NoError(t,
		r.Skip([]progress.SkippedTrace{{TraceID: "tr-3", ExperimentID: "1", Reason: mlflow.ReasonNoSpans}}))
	r.Publish(run(true))
	_, err := os.Stat(path)
	require.NoError(t, err, "written when the run has ended, not only at the end of the process")
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, r.Shutdown(t.Context()))

	body, err := os.ReadFile(path)
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(body, &doc))
	require.Equal(t, "complete: 2 of 3", doc["headline"])
	require.Equal(t, true, doc["complete"])
	first := doc["receivers"].([]any)[0].(map[string]any)
	require.Equal(t, "acknowledged", first["delivery"])
	require.Equal(t, map[string]any{"no_spans": []any{"tr-3"}}, first["skipped_examples"])
	require.InDelta(t, 1, first["traces_per_second"], 1e-9)
	x := first["experiments"].([]any)[0].(map[string]any)
	require.EqualValues(t, 3, x["source_count"])
	require.Equal(t, "2026-03-03T00:00:00.000Z", x["last"])
	for _, f := range []string{path, filepath.Join(filepath.Dir(path), "report.html"), r.cfg.skipFile()} {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f)
	}

	lines := strings.Split(out.String(), "\n")
	require.Equal(t, "complete: 2 of 3", lines[0])
	for _, part := range []string{
		"MLflow server http://h:5000 (3.17.2)", "support-bot (1)  2 traces  5 spans  2026-03-01 to 2026-03-03",
		"skipped   1 no_spans: tr-3",
		"out/traces.jsonl (holds prompts and answers", path, r.cfg.skipFile(),
	} {
		require.Contains(t, out.String(), part)
	}
}

// What is missing is listed as of the newest report, and the list is gone when nothing is.
func TestMissingList(t *testing.T) {
	dir := t.TempDir()
	r, out := begin(t, &Config{Path: filepath.Join(dir, "report.json")}, pipeline)
	list := filepath.Join(dir, "missing.jsonl")
	require.NoError(t, os.WriteFile(list, []byte("of an earlier run\n"), 0o600))
	published := run(true)
	seven, five := int64(7), int64(5)
	published.Experiments[0].MissingDays = []progress.Missing{{Reason: progress.CountDiffers, Day: "2026-03-01",
		Expected: &seven, Listed: &five}}
	published.Experiments[0].Undelivered = []progress.Missing{{TraceID: "tr-<9>", Reason: mlflow.ReasonInProgress,
		Day: "2026-03-02", Since: "2026-03-03T00:00:00.000Z"}}
	r.Publish(published)
	body, err := os.ReadFile(list)
	require.NoError(t, err)
	require.Equal(t, `{"receiver":"mlflow","experiment_id":"1","reason":"count_differs","day":"2026-03-01",`+
		`"expected":7,"listed":5}
{"receiver":"mlflow","experiment_id":"1","trace_id":"tr-<9>","reason":"in_progress","day":"2026-03-02",`+
		`"since":"2026-03-03T00:00:00.000Z"}
`, string(body))
	info, err := os.Stat(list)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	for _, name := range []string{"report.json", "report.html"} {
		body, err = os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Contains(t, string(body), "missing.jsonl", name)
	}

	r.Publish(run(true))
	require.NoFileExists(t, list)
	r.Publish(published)
	require.NoError(t, r.Shutdown(t.Context()))
	require.FileExists(t, list)
	require.Contains(t, out.String(), "missing   2 lines, with days and ids: "+list)
}

func TestSkipListIsAppendedToAfterATornLine(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "skipped.jsonl")
	require.NoError(t, os.WriteFile(list, []byte(`{"trace_id":"tr-1"}`+"\n"+`{"trace`), 0o600))
	r, _ := begin(t, &Config{Path: filepath.Join(dir, "report.json")}, pipeline)
	require.NoError(t, r.Skip([]progress.SkippedTrace{{TraceID: "tr-2"}}))
	require.NoError(t, r.Shutdown(t.Context()))
	body, err := os.ReadFile(list)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	require.Len(t, lines, 3)
	require.Contains(t, lines[2], `"trace_id":"tr-2"`)
}

// A write that fails may leave a part of a line, as on a full disk. What is listed after it has lines of its own.
func TestSkipListAfterAWriteThatFailed(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "skipped.jsonl")
	r, _ := begin(t, &Config{Path: filepath.Join(dir, "report.json")}, pipeline)
	require.NoError(t, r.Skip([]progress.SkippedTrace{{TraceID: "tr-1"}}))
	_, err := r.skips.WriteString(`{"trace`)
	require.NoError(t, err)
	require.NoError(t, r.skips.Close()) // so that nothing can be written
	require.ErrorIs(t, r.Skip([]progress.SkippedTrace{{TraceID: "tr-2"}}), os.ErrClosed)
	require.NoError(t, r.Skip([]progress.SkippedTrace{{TraceID: "tr-2"}}))
	body, err := os.ReadFile(list)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	require.Len(t, lines, 3)
	require.Equal(t, `{"trace`, lines[1])
	require.Contains(t, lines[2], `"trace_id":"tr-2"`)
}

func TestReportThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, path := range map[string]string{"below a file": filepath.Join(file, "report.json"), "a folder": dir} {
		t.Run(name, func(t *testing.T) {
			r := newReporter(extensiontest.NewNopSettings(metadata.Type), &Config{Path: path}, &bytes.Buffer{})
			require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()), "path: ")
		})
	}
	require.ErrorContains(t, (&Config{}).Validate(), "path: required")
}

func TestStrict(t *testing.T) {
	r := newReporter(extensiontest.NewNopSettings(metadata.Type), &Config{Path: filepath.Join(t.TempDir(), "r.json"),
		Strict: true}, &bytes.Buffer{})
	conf := confmap.NewFromStringMap(map[string]any{
		"receivers": map[string]any{"mlflow": nil}, "exporters": map[string]any{"otlp_http": nil},
		"service": map[string]any{"pipelines": map[string]any{"traces": map[string]any{"receivers": []any{"mlflow"},
			"exporters": []any{"otlp_http"}}}},
	})
	err := r.NotifyConfigSnapshot(t.Context(), extensioncapabilities.NewConfigSnapshot(conf, conf))
	require.ErrorContains(t, err,
		"strict: delivery would not be acknowledged: mlflow: handed_over: otlp_http queues in memory")
}

// Exporters learn how many processes share the backfill whose data they get.
func TestReaders(t *testing.T) {
	r, _ := begin(t, &Config{Path: filepath.Join(t.TempDir(), "report.json")}, `
receivers: {mlflow: {shard: {index: 1, count: 4}}, mlflow/b: {shard: {count: 1}}, mlflow/c: {}}
exporters: {databricks: {}, databricks/b: {}, otlp_http: {}}
service:
  pipelines:
    traces: {receivers: [mlflow], exporters: [databricks]}
    traces/b: {receivers: [mlflow/b, mlflow/c], exporters: [databricks/b]}`)
	require.Equal(t, 4, r.Readers(component.MustNewID("databricks")))
	require.Equal(t, 1, r.Readers(component.MustNewIDWithName("databricks", "b")))
	require.Equal(t, 1, r.Readers(component.MustNewID("otlp_http")))
}

// The report of a shard says which one it is.
func TestReportOfShard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	r, _ := begin(t, &Config{Path: path}, pipeline)
	published := run(true)
	published.Shard = progress.Shard{Index: 1, Count: 4}
	r.Publish(published)
	var doc struct {
		Receivers []struct {
			Shard *progress.Shard `json:"shard"`
		} `json:"receivers"`
	}
	read := func() {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		doc.Receivers = nil
		require.NoError(t, json.Unmarshal(b, &doc))
	}
	read()
	require.Equal(t, &published.Shard, doc.Receivers[0].Shard)
	published.Shard = progress.Shard{Count: 1}
	r.Publish(published)
	read()
	require.Nil(t, doc.Receivers[0].Shard)
}

func TestNothingToReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	r, out := begin(t, &Config{Path: path}, pipeline)
	require.NoError(t, r.Shutdown(t.Context()))
	require.Empty(t, out.String())
	_, err := os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestOutputOfAKilledProcessGetsTheEndOfItsLine(t *testing.T) {
	dir := t.TempDir()
	torn, whole := filepath.Join(dir, "torn.jsonl"), filepath.Join(dir, "whole.jsonl")
	require.NoError(t, os.WriteFile(torn, []byte("{}\n{\"resourceSp"), 0o600))
	require.NoError(t, os.WriteFile(whole, []byte("{}\n"), 0o600))
	r, _ := begin(t, &Config{Path: filepath.Join(dir, "report.json")}, `
exporters:
  file: {path: `+torn+`, rotation: {max_backups: 0}, format: json, compression: '', encoding: null, `+
		`group_by: {enabled: false}}
  file/whole: {path: `+whole+`, rotation: {max_backups: 0}, format: json, compression: '', encoding: null, `+
		`group_by: {enabled: false}}
  file/new: {path: `+filepath.Join(dir, "new.jsonl")+`, rotation: {max_backups: 0}}
  file/made: {path: `+filepath.Join(dir, "made", "new.jsonl")+`, rotation: {max_backups: 0}}
receivers: {mlflow: {}}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [file, file/whole, file/new, file/made]}}}
`)
	for path, want := range map[string]string{torn: "{}\n{\"resourceSp\n", whole: "{}\n"} {
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	info, err := os.Stat(filepath.Join(dir, "new.jsonl"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it will hold prompts and answers")
	require.NoDirExists(t, filepath.Join(dir, "made"), "the exporter makes it")

	// A write that failed leaves the same.
	mlflow := component.MustNewID("mlflow")
	require.NoError(t, os.WriteFile(whole, []byte("{}\n{\"reso"), 0o600))
	require.NoError(t, r.EndLines(mlflow))
	got, err := os.ReadFile(whole)
	require.NoError(t, err)
	require.Equal(t, "{}\n{\"reso\n", string(got))
	require.NoError(t, os.Remove(whole))
	require.NoError(t, os.Mkdir(whole, 0o700))
	require.ErrorContains(t, r.EndLines(mlflow), "a line that was not written in full can't be ended: open "+whole)
}

// Exporters count what has arrived after a run that ended by itself, not after one that a user
// stopped.
func TestFinished(t *testing.T) {
	ended, failed, stopped, running := run(true), run(false), run(false), run(false)
	stopped.Stopped = true
	running.Ended = time.Time{}
	other := component.MustNewIDWithName("mlflow", "other")
	for name, tc := range map[string]struct {
		runs []progress.Run
		want bool
	}{
		"nothing reported": {nil, false},
		"complete":         {[]progress.Run{ended}, true},
		"ended by a fault": {[]progress.Run{failed}, true},
		"stopped":          {[]progress.Run{stopped}, false},
		"running":          {[]progress.Run{running}, false},
		"one of two stopped": {[]progress.Run{ended, func() progress.Run {
			s := stopped
			s.Receiver = other
			return s
		}()}, false},
		"the last one counts": {[]progress.Run{stopped, ended}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReporter(extensiontest.NewNopSettings(metadata.Type),
				&Config{Path: filepath.Join(t.TempDir(), "report.json")}, &bytes.Buffer{})
			for _, run := range tc.runs {
				r.Publish(run)
			}
			require.Equal(t, tc.want, r.Finished())
		})
	}
}

// What exporters and processors publish in their Shutdown is in the report, which comes last: of a
// destination the newest state, of a processor the sum over its pipelines.
func TestDestinationsAndRefinements(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	r, out := begin(t, &Config{Path: path}, `
receivers: {mlflow: {}}
processors: {genai: }
exporters: {databricks: {host: https://h}}
service: {pipelines: {traces: {receivers: [mlflow], processors: [genai], exporters: [databricks]}}}`)
	done := run(true)
	done.Headline = "complete: 2 of 3 traces accepted, with 5 spans, 1 skipped"
	r.Publish(done)
	require.Contains(t, headline(t, path), "arrived: not verified", "as long as nobody counted")

	var refined progress.RefinementSink = r
	for range 2 {
		refined.PublishRefinement(progress.Refinement{Processor: component.MustNewID("genai"), Spans: 5, Counted: 1,
			CountedRequest: 10, CountedResponse: 20})
	}
	var sent progress.DestinationSink = r
	destination := progress.Destination{Exporter: component.MustNewID("databricks"), Name: "main.genai.x_otel_spans",
		Signal: "traces", Sent: 4, Held: "GRANT", Verification: progress.NotVerified}
	sent.PublishDestination(destination)
	destination.Sent, destination.Arrived, destination.Held, destination.Verification = 5, 5, "", progress.Arrived
	sent.PublishDestination(destination)
	require.NoError(t, r.Shutdown(t.Context()))

	require.Equal(t, "complete: 2 of 3 traces verified, with 5 spans, 1 skipped; sent 5, arrived 5 spans",
		headline(t, path))
	require.True(t, strings.HasPrefix(out.String(), headline(t, path)+"\n"))
	require.Contains(t, out.String(), "  tokens    counted: 20 in requests, 40 in responses, on 2 spans\n")
	require.Contains(t, out.String(),
		"  sent      5 spans to main.genai.x_otel_spans (databricks): 5 arrived, 0 missing, 0 repeated\n")
	require.NotContains(t, out.String(), "GRANT")
}

func headline(t *testing.T, path string) string {
	t.Helper()
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	var doc struct{ Headline string }
	require.NoError(t, json.Unmarshal(body, &doc))
	return doc.Headline
}

// A sidecar has no mlflow receiver; what its exporter knows is reported all the same. A processor
// that saw nothing is no reason to write a report.
func TestReportWithoutReceivers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	r, out := begin(t, &Config{Path: path},
		`service: {pipelines: {traces: {receivers: [otlp], exporters: [databricks]}}}`)
	r.PublishRefinement(progress.Refinement{Processor: component.MustNewID("genai")})
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoFileExists(t, path)
	require.Empty(t, out.String())

	r.PublishDestination(progress.Destination{Exporter: component.MustNewID("databricks"),
		Name: "main.genai.x_otel_spans", Sent: 3, Verification: progress.NotVerified})
	require.NoError(t, r.Shutdown(t.Context()))
	require.Equal(t, "no mlflow receiver reported; arrived: not verified", headline(t, path))
	require.Contains(t, out.String(), "arrived: not verified")
}

// Signals that no route takes have one name; what was given up of one does not hide the other.
func TestSignalsWithoutARoute(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	r, out := begin(t, &Config{Path: path}, `service:
  pipelines:
    traces: {receivers: [otlp], exporters: [databricks]}
    logs: {receivers: [otlp], exporters: [databricks]}`)
	for signal, n := range map[string]int64{"traces": 100, "logs": 10} {
		r.PublishDestination(progress.Destination{Exporter: component.MustNewID("databricks"), Name: "(no route)",
			Signal: signal, Rejected: n, DeadLettered: n, Verification: progress.NotVerified})
	}
	require.NoError(t, r.Shutdown(t.Context()))
	require.Contains(t, headline(t, path), "110 items rejected by (no route)")
	require.Contains(t, out.String(), "rejected  100 spans by (no route)")
	require.Contains(t, out.String(), "rejected  10 log records by (no route)")
}

// Counting text that the receiver leaves out is refused, with the ways out, whatever strict says;
// nothing was touched before.
func TestContradictionIsRefused(t *testing.T) {
	torn := filepath.Join(t.TempDir(), "torn.jsonl")
	require.NoError(t, os.WriteFile(torn, []byte("{"), 0o600))
	r := newReporter(extensiontest.NewNopSettings(metadata.Type), &Config{Path: filepath.Join(t.TempDir(), "r.json")},
		&bytes.Buffer{})
	conf := confmap.NewFromStringMap(map[string]any{
		"receivers": map[string]any{"mlflow": map[string]any{"capture_content": false}},
		"processors": map[string]any{
			"genai/a": map[string]any{"tokens": map[string]any{"mode": "raw", "spans": "root"}}},
		"exporters": map[string]any{"file": map[string]any{"path": torn,
			"rotation": map[string]any{"max_backups": 0}}},
		"service": map[string]any{"pipelines": map[string]any{"traces": map[string]any{
			"receivers": []any{"mlflow"}, "processors": []any{"genai/a"}, "exporters": []any{"file"},
		}}},
	})
	err := r.NotifyConfigSnapshot(t.Context(), extensioncapabilities.NewConfigSnapshot(conf, conf))
	require.ErrorContains(t, err, "receivers::mlflow::capture_content is false")
	require.ErrorContains(t, err, "processors::genai/a::content::action: drop")
	require.ErrorContains(t, err, "processors::genai/a::tokens::spans: none")
	body, err := os.ReadFile(torn)
	require.NoError(t, err)
	require.Equal(t, "{", string(body))
}
