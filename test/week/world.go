// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package week plays what happens to an MLflow server in a week, within a minute or two, while
// collectors follow it and are killed.
package week

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// span is what the age of a trace is drawn from: a little less than a week, which is what late changes
// look back.
const span = 6*24*time.Hour + 12*time.Hour

// World is a server and what was done to it. The same seed does the same.
type World struct {
	t      testing.TB
	url    string
	random *rand.Rand
	prefix string // of the names of experiments

	experiments []string // ids
	traces      []*trace // that are there, those without a root left out
	rootless    []*trace
	deleted     []string // MLflow's ids
	made        int
	done        map[string]int // how often each thing was done
	steps       atomic.Int64
}

// trace is a trace that was written.
type trace struct {
	id         pcommon.TraceID
	experiment string
	start, end time.Time
	spans      int
	scores     []string // ids of assessments that are there
	tags       []string
}

func (x *trace) name() string { return "tr-" + x.id.String() }

// NewWorld makes a world with two experiments.
func NewWorld(t testing.TB, url, prefix string, seed uint64) *World {
	t.Helper()
	w := &World{t: t, url: url, prefix: prefix, random: rand.New(rand.NewPCG(seed, 5)), done: map[string]int{}}
	w.addExperiment()
	w.addExperiment()
	return w
}

// Step does one thing at random.
func (w *World) Step() {
	w.t.Helper()
	things := []struct {
		weight int
		name   string
		do     func()
	}{
		{30, "traces", w.addTraces},
		{8, "trace without root", w.addRootless},
		{8, "late root", w.addRoot},
		{16, "score", w.score},
		{8, "score changed", w.changeScore},
		{8, "score overridden", w.overrideScore},
		{6, "score deleted", w.deleteScore},
		{8, "tag", w.tag},
		{4, "tag deleted", w.untag},
		{2, "trace deleted", w.deleteTrace},
		{1, "experiment renamed", w.renameExperiment},
		{1, "experiment", w.addExperiment},
	}
	sum := 0
	for _, x := range things {
		sum += x.weight
	}
	n := w.random.IntN(sum)
	for _, x := range things {
		if n -= x.weight; n < 0 {
			x.do()
			w.done[x.name]++
			break
		}
	}
	w.steps.Add(1)
}

// Spans are those that the server has.
func (w *World) Spans() map[otlpsink.SpanKey]bool {
	keys := map[otlpsink.SpanKey]bool{}
	for _, x := range w.traces {
		for i := range x.spans {
			keys[otlpsink.SpanKey{Trace: x.id, Span: spanID(i)}] = true
		}
	}
	return keys
}

func spanID(i int) pcommon.SpanID { return pcommon.SpanID{'w', byte(i + 1)} }

// aged is a time within the span; half of all are within the last minutes.
func (w *World) aged() time.Time {
	age := time.Duration(w.random.Int64N(int64(5 * time.Minute)))
	if w.random.IntN(2) == 0 {
		age = time.Duration(w.random.Int64N(int64(span)))
	}
	return time.Now().Add(-age - time.Second)
}

func (w *World) newTrace() *trace {
	w.made++
	x := &trace{experiment: w.experiments[w.random.IntN(len(w.experiments))], start: w.aged(),
		spans: 2 + w.random.IntN(4)}
	x.id = pcommon.TraceID([]byte(fmt.Sprintf("week%012d", w.made)))
	x.end = x.start.Add(time.Duration(1+w.random.IntN(900)) * time.Millisecond)
	return x
}

func (w *World) addTraces() {
	for range 1 + w.random.IntN(4) {
		x := w.newTrace()
		w.export(x, 0, x.spans)
		w.traces = append(w.traces, x)
	}
}

// addRootless writes the spans of a trace below its root.
func (w *World) addRootless() {
	x := w.newTrace()
	w.export(x, 1, x.spans)
	w.rootless = append(w.rootless, x)
}

// addRoot writes a root that was missing.
func (w *World) addRoot() {
	if len(w.rootless) == 0 {
		w.addRootless()
	}
	x := take(w.random, &w.rootless)
	w.export(x, 0, 1)
	w.traces = append(w.traces, x)
}

// Finish writes the roots that are missing.
func (w *World) Finish() {
	for len(w.rootless) > 0 {
		w.addRoot()
	}
}

// export sends some spans of a trace by OTLP.
func (w *World) export(x *trace, from, to int) {
	w.t.Helper()
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := from; i < to; i++ {
		s := spans.AppendEmpty()
		s.SetTraceID(x.id)
		s.SetSpanID(spanID(i))
		if i > 0 {
			s.SetParentSpanID(spanID(0))
		}
		s.SetName(fmt.Sprint("span ", i))
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(x.start))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(x.end))
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(w.t, err)
	w.send(http.MethodPost, "/v1/traces", body, map[string]string{
		"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": x.experiment})
}

// any is a trace that is there.
func (w *World) any() *trace {
	if len(w.traces) == 0 {
		w.addTraces()
	}
	return w.traces[w.random.IntN(len(w.traces))]
}

// anyScored is a trace with a score.
func (w *World) anyScored() *trace {
	for range 20 {
		if x := w.any(); len(x.scores) > 0 {
			return x
		}
	}
	w.score()
	return w.anyScored()
}

func (w *World) value() any {
	return []any{w.random.Float64(), w.random.IntN(10), "yes", "no", true, false, "good"}[w.random.IntN(7)]
}

func (w *World) assess(x *trace, overrides string) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	a := map[string]any{"assessment_name": fmt.Sprint("score_", w.random.IntN(3)), "trace_id": x.name(),
		"source":      map[string]any{"source_type": "CODE", "source_id": "week"},
		"create_time": now, "last_update_time": now, "feedback": map[string]any{"value": w.value()}}
	if overrides != "" {
		a["overrides"] = overrides
	}
	answer := w.call(http.MethodPost, "/api/3.0/mlflow/traces/"+x.name()+"/assessments",
		map[string]any{"assessment": a})
	x.scores = append(x.scores, answer["assessment"].(map[string]any)["assessment_id"].(string))
}

func (w *World) score() { w.assess(w.any(), "") }

func (w *World) overrideScore() {
	x := w.anyScored()
	w.assess(x, x.scores[w.random.IntN(len(x.scores))])
}

func (w *World) changeScore() {
	x := w.anyScored()
	id := x.scores[w.random.IntN(len(x.scores))]
	w.call(http.MethodPatch, "/api/3.0/mlflow/traces/"+x.name()+"/assessments/"+id, map[string]any{
		"assessment": map[string]any{"assessment_id": id, "trace_id": x.name(),
			"feedback": map[string]any{"value": w.value()}},
		"update_mask": "feedback"})
}

func (w *World) deleteScore() {
	x := w.anyScored()
	w.call(http.MethodDelete, "/api/3.0/mlflow/traces/"+x.name()+"/assessments/"+take(w.random, &x.scores),
		nil)
}

func (w *World) tag() {
	x := w.any()
	key := fmt.Sprint("week.", w.random.IntN(4))
	w.call(http.MethodPatch, "/api/3.0/mlflow/traces/"+x.name()+"/tags",
		map[string]any{"key": key, "value": fmt.Sprint("value ", w.random.IntN(1000))})
	if !slices.Contains(x.tags, key) {
		x.tags = append(x.tags, key)
	}
}

func (w *World) untag() {
	x := w.any()
	if len(x.tags) == 0 {
		w.tag()
		return
	}
	w.call(http.MethodDelete, "/api/3.0/mlflow/traces/"+x.name()+"/tags",
		map[string]any{"key": take(w.random, &x.tags)})
}

func (w *World) deleteTrace() {
	if len(w.traces) < 20 {
		return
	}
	x := take(w.random, &w.traces)
	w.call(http.MethodPost, "/api/3.0/mlflow/traces/delete-traces",
		map[string]any{"experiment_id": x.experiment, "request_ids": []string{x.name()}})
	w.deleted = append(w.deleted, x.name())
}

func (w *World) addExperiment() {
	if len(w.experiments) == 6 {
		return
	}
	answer := w.call(http.MethodPost, "/api/2.0/mlflow/experiments/create",
		map[string]any{"name": fmt.Sprint(w.prefix, len(w.experiments))})
	w.experiments = append(w.experiments, answer["experiment_id"].(string))
}

func (w *World) renameExperiment() {
	i := w.random.IntN(len(w.experiments))
	w.call(http.MethodPost, "/api/2.0/mlflow/experiments/update", map[string]any{"experiment_id": w.experiments[i],
		"new_name": fmt.Sprint(w.prefix, i, " renamed ", w.steps.Load())})
}

// call calls a route and returns its answer.
func (w *World) call(method, path string, body any) map[string]any {
	w.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(w.t, err)
	answer := w.send(method, path, text, map[string]string{"Content-Type": "application/json"})
	var m map[string]any
	require.NoError(w.t, json.Unmarshal(answer, &m))
	return m
}

func (w *World) send(method, path string, body []byte, headers map[string]string) []byte {
	w.t.Helper()
	request, err := http.NewRequest(method, w.url+path, bytes.NewReader(body))
	require.NoError(w.t, err)
	for k, v := range headers {
		request.Header.Set(k, v)
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, answer.StatusCode, "%s %s: %s", method, path, content)
	return content
}

// take removes an element at random and returns it.
func take[T any](random *rand.Rand, list *[]T) T {
	i := random.IntN(len(*list))
	x := (*list)[i]
	*list = append((*list)[:i:i], (*list)[i+1:]...)
	return x
}
