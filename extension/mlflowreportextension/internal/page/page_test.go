// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

var update = flag.Bool("update", false, "write the golden pages anew")

var now = time.Date(2026, 3, 2, 9, 14, 22, 0, time.UTC)

// state is a page in one of its states.
type state struct {
	runs         []progress.Run
	destinations []progress.Destination
	exporter     string
	live         map[string]Progress
}

// counts are those of an experiment: the source's own count, then accepted, skipped, rejected, pending.
func seen(id, name string, source, accepted int64, change func(*progress.Experiment)) progress.Experiment {
	a := progress.Experiment{
		Experiment: mlflow.Experiment{ID: id, Name: name}, SourceCount: source, Done: true,
		Run: progress.Totals{Read: accepted, Accepted: accepted, Spans: 5 * accepted,
			First: now.Add(-90 * 24 * time.Hour).UnixMilli(), Last: now.Add(-time.Hour).UnixMilli()},
	}
	if change != nil {
		change(&a)
	}
	return a
}

func leave(reason mlflow.Reason, n int64) func(*progress.Experiment) {
	return func(a *progress.Experiment) {
		a.Run.Read += n
		a.Run.Leave(reason, n)
	}
}

// ended is a run that has ended, judged as receivers judge it.
func ended(change func(*progress.Run), experiments ...progress.Experiment) progress.Run {
	r := progress.Run{
		Receiver: component.MustNewID("mlflow"), Mode: "backfill", Delivery: progress.Acknowledged,
		Source:  mlflow.Description{Kind: "MLflow server", Location: "http://mlflow.internal:5000", Version: "3.6.0"},
		Started: now.Add(-14 * time.Minute), Ended: now, Experiments: experiments,
		Samples: map[mlflow.Reason][]string{},
	}
	if change != nil {
		change(&r)
	}
	o := progress.Outcome{Experiments: r.Experiments, Details: r.Details, Delivery: r.Delivery,
		Reason:   r.DeliveryReason,
		Receiver: "mlflow", MaxSkipped: "1% or 3", Allowed: func(int64) int64 { return 3 }}
	if r.Stopped {
		o.Stopped = "stopped by SIGTERM"
	}
	v := progress.Judge(o)
	r.Complete, r.Headline, r.Problems, r.Next = v.Complete, v.Headline, v.Problems, v.Next
	status := 0
	if !r.Complete || !r.Delivery.AtLeast(progress.Acknowledged) {
		status = 1
	}
	r.ExitStatus = &status
	return r
}

// running is a run that goes on.
func running(mode string, experiments ...progress.Experiment) progress.Run {
	r := ended(nil, experiments...)
	r.Mode, r.Ended, r.Complete, r.ExitStatus = mode, time.Time{}, false, nil
	r.Headline, r.Problems, r.Next = "still running", nil, nil
	return r
}

func ids(prefix string, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("tr-%s%030x", prefix, i))
	}
	return list
}

func databricks(change func(*progress.Destination)) []progress.Destination {
	d := progress.Destination{Exporter: component.MustNewID("databricks"), Name: "main.genai.team_otel_spans",
		Signal: "traces", Sent: 1000, Verification: progress.Arrived, Arrived: 1000}
	change(&d)
	return []progress.Destination{d}
}

var half = seen("1", "support-bot", 200, 120, func(a *progress.Experiment) { a.Done = false })

// states are those of the page; the name is that of the golden file.
var states = map[string]state{
	"complete": {runs: []progress.Run{ended(nil, seen("1", "support-bot", 120, 120, nil),
		seen("2", "support-bot-eval", 16, 16, nil))}},
	"complete-skipped": {runs: []progress.Run{ended(func(r *progress.Run) {
		r.Samples[mlflow.ReasonNoSpans] = ids("0", 1)
	}, seen("1", "support-bot", 121, 120, leave(mlflow.ReasonNoSpans, 1)))}},
	"verified": {runs: []progress.Run{ended(nil, seen("1", "support-bot", 200, 200, nil))},
		exporter: "databricks", destinations: databricks(func(*progress.Destination) {})},
	"not-verified": {runs: []progress.Run{ended(nil, seen("1", "support-bot", 200, 200, nil))},
		exporter: "databricks", destinations: databricks(func(d *progress.Destination) {
			d.Verification, d.Detail = progress.NotVerified, "verify::warehouse_id is not set"
		})},
	"short": {runs: []progress.Run{ended(nil, seen("1", "support-bot", 200, 200, nil))},
		exporter: "databricks", destinations: databricks(func(d *progress.Destination) {
			d.Verification, d.Arrived, d.Missing, d.Detail = progress.Short, 959, 41,
				"sent between 09:03:12 and 09:03:14 UTC"
		})},
	"held": {runs: []progress.Run{ended(nil, seen("1", "support-bot", 200, 200, nil))},
		exporter: "databricks", destinations: databricks(func(d *progress.Destination) {
			d.Verification = progress.NotVerified
			d.Held = "GRANT MODIFY ON TABLE main.genai.team_otel_spans TO `writer`"
		})},
	"incomplete": {runs: []progress.Run{ended(func(r *progress.Run) {
		r.Samples[mlflow.ReasonCorrupt], r.Samples[progress.Rejected] = ids("1", 2), ids("2", 12)
		r.Details = map[mlflow.Reason]string{progress.Rejected: "400: attribute value exceeds the limit of 1 MiB"}
	}, seen("1", "support-bot", 122, 120, leave(mlflow.ReasonCorrupt, 2)),
		seen("4", "docs-search", 65, 53, leave(progress.Rejected, 12)),
		seen("7", "invoice-agent", 241, 200, func(a *progress.Experiment) {
			a.Missing = "the source counts 241 traces, and 200 were listed"
			a.MissingDays = []progress.Missing{{Reason: progress.CountDiffers, Day: "2026-10-03"}}
		}))}},
	"handed-over": {runs: []progress.Run{ended(func(r *progress.Run) {
		r.Delivery, r.DeliveryReason = progress.HandedOver, "otlp_http queues in memory"
		r.DeliveryNotes = []string{"otlp_http: its sending_queue answers at once; write wait_for_result: true"}
	}, seen("1", "support-bot", 120, 120, nil))}},
	"unknown": {runs: []progress.Run{ended(func(r *progress.Run) {
		r.Delivery, r.DeliveryReason = progress.Unknown, "what exporter x does is not known"
	}, seen("1", "support-bot", 120, 120, nil))}},
	"nothing-new": {runs: []progress.Run{ended(nil, seen("1", "support-bot", 120, 0, func(a *progress.Experiment) {
		a.Run, a.Earlier = progress.Totals{}, progress.Totals{Read: 120, Accepted: 120, Spans: 600}
	}))}},
	"nothing-found": {runs: []progress.Run{ended(nil, seen("1", "support-bot", 0, 0, func(a *progress.Experiment) {
		a.Run = progress.Totals{}
	}))}},
	"one-trace": {runs: []progress.Run{ended(nil, seen("1", "support-bot", 1, 1, nil))}},
	"stopped":   {runs: []progress.Run{ended(func(r *progress.Run) { r.Stopped = true }, half)}},
	"live": {runs: []progress.Run{running("backfill", half)}, live: map[string]Progress{"mlflow": {
		Samples: []Sample{{now.Add(-3 * time.Minute), 0}, {now.Add(-2 * time.Minute), 60},
			{now.Add(-time.Minute), 60}, {now, 120}},
	}}},
	"live-waiting": {runs: []progress.Run{running("backfill", half)}, live: map[string]Progress{"mlflow": {
		Waits: "experiment support-bot: the destination refuses everything: 503",
	}}},
	"tail": {runs: []progress.Run{running("tail", seen("1", "support-bot", 120, 120, func(a *progress.Experiment) {
		a.Settled = now.Add(-7 * time.Second)
	}))}},
	"check": {runs: []progress.Run{{Receiver: component.MustNewID("mlflow"), Mode: "check", Complete: true,
		Started: now, Ended: now, Headline: "120 traces in 1 experiments",
		Check: &progress.Findings{Experiments: []progress.ExperimentFinding{{ID: "1", Name: "support-bot", Traces: 120,
			First: "2026-01-01T00:00:00.000Z", Last: "2026-02-01T00:00:00.000Z"}}}}}},
	"check-denied": {runs: []progress.Run{{Receiver: component.MustNewID("mlflow"), Mode: "check",
		Started: now, Ended: now, Headline: "not complete: the user may not read everything that is needed",
		Check: &progress.Findings{Grants: []mlflow.Grant{
			{Statement: `GRANT SELECT ON trace_info TO "o<"`, Table: "trace_info", State: mlflow.GrantGiven},
			{Statement: `GRANT SELECT ON spans TO "o<"`, Table: "spans", State: mlflow.GrantMissing}}}}}},
	"no-receiver": {destinations: databricks(func(*progress.Destination) {})},
}

func (s state) input() Input {
	exporter := s.exporter
	if exporter == "" {
		exporter = "otlp_http"
	}
	doc := report.New(report.Input{Runs: s.runs, Destinations: s.destinations, Version: "v", SkipFile: "skipped.jsonl",
		Behind: func(string) delivery.Guarantee {
			word := progress.Acknowledged
			if len(s.runs) > 0 {
				word = s.runs[0].Delivery
			}
			return delivery.Guarantee{Destinations: []delivery.Destination{{Exporter: exporter,
				Name: exporter + " to https://gateway.internal", Delivery: word}}}
		}}, now)
	doc.Configuration = []string{"service::pipelines::traces::receivers: [mlflow]", "receivers::mlflow::mode: backfill"}
	in := Input{Document: doc, Progress: s.live, ReportFile: "report.json", SkipFile: "skipped.jsonl",
		MissingFile: "missing.jsonl"}
	for i := range doc.Receivers {
		in.MissingLines += doc.Receivers[i].MissingLines
	}
	return in
}

func render(t *testing.T, in Input) string {
	t.Helper()
	body, err := Render(in)
	require.NoError(t, err)
	require.LessOrEqual(t, len(body), Limit)
	return string(body)
}

func TestStates(t *testing.T) {
	for name, s := range states {
		t.Run(name, func(t *testing.T) {
			got := render(t, s.input())
			wellFormed(t, got)
			_, got, _ = strings.Cut(got, "</style>")
			got = strings.ReplaceAll(got, "><", ">\n<")
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			for i, line := range strings.Split(string(want), "\n") {
				other, rest, _ := strings.Cut(got, "\n")
				require.Equal(t, line, other, "line %d of %s", i+1, golden) // not all of the page
				got = rest
			}
			require.Empty(t, got)
		})
	}
}

// What the first line says of each state, beside its class: never more than is known.
func TestVerdicts(t *testing.T) {
	for name, want := range map[string]string{
		"complete":         "ok Complete: all 136 traces are delivered.",
		"complete-skipped": "ok Complete: 120 of 121 traces are delivered, 1 was skipped.",
		"verified":         "ok Complete: all 200 traces are delivered.",
		"not-verified":     "warn Acknowledged, arrival not verified: 200 traces.",
		"short":            "bad Not complete: 41 spans are missing in main.genai.team_otel_spans.",
		"held":             "bad Not complete: data is held for main.genai.team_otel_spans.",
		"incomplete":       "bad Not complete: 41 of 428 traces are missing.",
		"handed-over":      "warn Handed over, not known to have arrived: 120 traces.",
		"unknown":          "warn Accepted, not known to have arrived: 120 traces.",
		"nothing-new":      "ok Nothing new: 120 traces were delivered earlier.",
		"nothing-found":    "warn Nothing found: no trace matches.",
		"one-trace":        "ok Complete: the only trace is delivered.",
		"stopped":          "bad Stopped: 120 of 200 traces are delivered.",
		"live":             "run Running, 60\u00a0%: 120 of 200 traces are delivered.",
		"live-waiting":     "run Running, 60\u00a0%: 120 of 200 traces are delivered.",
		"tail":             "run Following the source: 120 traces are delivered.",
		"check":            "ok Checked: 120 traces in 1 experiments.",
		"check-denied":     "bad Checked: not complete: the user may not read everything that is needed.",
		"no-receiver":      "warn No receiver of MLflow delivered anything.",
	} {
		in := states[name].input()
		v := newView(&in, details[0])
		assert.Equal(t, want, v.State+" "+v.Title, name)
	}
	require.Len(t, states, 19)
}

// Found = delivered + skipped + rejected + waiting + missing, in every row of every state.
func TestRowsBalance(t *testing.T) {
	for name, s := range states {
		in := s.input()
		var list []*report.Receiver
		for i := range in.Document.Receivers {
			list = append(list, &in.Document.Receivers[i])
		}
		rows, total := rowsOf(list)
		for _, r := range append(rows, total) {
			assert.Equal(t, r.Found, r.Delivered+r.Skipped+r.Rejected+r.Pending+r.Missing, "%s: %+v", name, r)
		}
	}
}

func TestRate(t *testing.T) {
	in := states["live"].input()
	v := newView(&in, details[0])
	assert.Equal(t, "0.5", v.Card.Rate)
	assert.Equal(t, "2\u00a0min 40\u00a0s", v.Card.Left)
	in = states["live-waiting"].input()
	v = newView(&in, details[0])
	assert.Contains(t, v.Card.WaitsNote, "503")
}

// hostile are texts that try to become markup, to change the direction of the page, or to fill it.
var hostile = []string{
	`<script>alert(1)</script><img src=x onerror=alert(1)>`,
	`" onmouseover="alert(1)" x="`, `'><svg onload=alert(1)>`, `</style><script>alert(1)</script>`,
	"abc\u202egnp.exe\u2066\u2069\u200f", "nul\x00bell\x07esc\x1b[31m", "{{.Title}}", "javascript:alert(1)",
	"https://evil.example/x.png", strings.Repeat("x", 10_000), strings.Repeat("<&\"'\u202e>", 2_000),
	strings.Repeat("\u0301", 5000), "\xff\xfe broken",
}

func TestHostileText(t *testing.T) {
	var runs []progress.Run
	for i := range 400 {
		text := hostile[i%len(hostile)] + strconv.Itoa(i)
		if len(runs) == 0 || i%100 == 0 {
			runs = append(runs, ended(func(r *progress.Run) {
				r.Receiver = component.MustNewIDWithName("mlflow", strconv.Itoa(i))
				r.Source = mlflow.Description{Kind: text, Location: text, Version: text}
			}))
		}
		r := &runs[len(runs)-1]
		r.Experiments = append(r.Experiments, seen(text, text, 3000, 1000, leave(mlflow.Reason(text), 100)))
		r.Complete = false
		r.Samples[mlflow.Reason(text)] = []string{text, text}
		if r.Details == nil {
			r.Details = map[mlflow.Reason]string{}
		}
		r.Details[mlflow.Reason(text)] = text
		r.Problems, r.Next, r.DeliveryNotes = append(r.Problems, text), append(r.Next, "x"+text),
			append(r.DeliveryNotes, text)
	}
	s := state{runs: runs, destinations: databricks(func(d *progress.Destination) {
		d.Name, d.Held, d.Detail, d.Problems = hostile[0], hostile[9], hostile[10], hostile
	})}
	got := render(t, s.input())
	harmless(t, got)
}

// harmless fails where text became markup, or where a character changes the direction of text.
func harmless(t *testing.T, got string) {
	t.Helper()
	wellFormed(t, got)
	_, body, _ := strings.Cut(got, "</style>")
	for _, tag := range regexp.MustCompile(`(?i)<(script|img|style|iframe|object|embed|form|meta|base|link)\b`).
		FindAllString(body, -1) {
		t.Errorf("the body holds %s", tag)
	}
	assert.NotRegexp(t, `(?i)<[^>]*\son[a-z]+\s*=`, body)
	assert.NotRegexp(t, "[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08\x0b-\x1f]", body)
	for _, link := range regexp.MustCompile(`(?i)(?:href|src)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		assert.Regexp(t, `^(#[a-z0-9-]*|https://github\.com/otelcol-mlflow/otelcol-mlflow/.*)?$`, link[1])
	}
}

// wellFormed fails where a tag that must be closed is not.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader([]byte(page)))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	void := map[string]bool{"meta": true, "link": true, "br": true, "wbr": true}
	optional := map[string]bool{"th": true, "td": true, "tr": true, "tbody": true, "thead": true}
	var open []string
	for {
		token, err := d.RawToken()
		if err != nil {
			break
		}
		switch e := token.(type) {
		case xml.StartElement:
			if n := e.Name.Local; !void[n] {
				open = append(open, n)
			}
		case xml.EndElement:
			for len(open) > 0 && open[len(open)-1] != e.Name.Local && optional[open[len(open)-1]] {
				open = open[:len(open)-1]
			}
			if void[e.Name.Local] || optional[e.Name.Local] && (len(open) == 0 || open[len(open)-1] != e.Name.Local) {
				continue
			}
			require.NotEmpty(t, open, e.Name.Local)
			require.Equal(t, open[len(open)-1], e.Name.Local, "at byte %d", d.InputOffset())
			open = open[:len(open)-1]
		}
	}
	require.Empty(t, open)
}

func TestText(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		assert.Equal(t, want, num(n))
	}
	for v, want := range map[float64]string{0: "0", 1234: "1.23 k", 34_940: "34.9 k", 5e6: "5 M", 12: "12"} {
		assert.Equal(t, want, strings.ReplaceAll(short(v), nbsp, " "))
	}
	for ms, want := range map[float64]string{0.25: "0.25 ms", 12.34: "12.3 ms", 2140: "2.14 s", 61_000: "1 min 1 s",
		7_200_000: "2 h 0 min"} {
		assert.Equal(t, want, strings.ReplaceAll(duration(ms), nbsp, " "))
	}
	for _, tc := range []struct {
		n, of int64
		want  string
	}{{0, 10, "0 %"}, {1, 10_000, "< 0.1 %"}, {9_999, 10_000, "99.9 %"}, {10, 10, "100 %"}, {1, 3, "33.3 %"}} {
		assert.Equal(t, tc.want, strings.ReplaceAll(share(tc.n, tc.of), nbsp, " "))
	}
	assert.Equal(t, "aaaaaa…aaa", clean(strings.Repeat("a", 50), 10))
	assert.Equal(t, "<bdi>a_<wbr>b/<wbr>c&lt;</bdi>", string(name("a_b/c<", 64)))
}
