// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadatatest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// scene is a registry whose publications, status, metrics and log are kept.
type scene struct {
	*Registry
	now       time.Time
	published []progress.Destination
	status    []error
	logs      *observer.ObservedLogs
	tel       *componenttest.Telemetry
}

func newScene(t *testing.T) *scene {
	s := &scene{now: time.Unix(1000, 0), tel: componenttest.NewTelemetry()}
	t.Cleanup(func() { require.NoError(t, s.tel.Shutdown(context.Background())) })
	core, logs := observer.New(zapcore.InfoLevel)
	s.logs = logs
	set := s.tel.NewTelemetrySettings()
	set.Logger = zap.New(core)
	var err error
	s.Registry, err = New(Settings{
		Exporter: component.MustNewID(
			"databricks",
		), Signal: "traces", Telemetry: set, Now: func() time.Time { return s.now },
	})
	require.NoError(t, err)
	s.Connect(s, func(err error) { s.status = append(s.status, err) })
	return s
}

func (s *scene) PublishDestination(d progress.Destination) { s.published = append(s.published, d) }

func (s *scene) last() progress.Destination { return s.published[len(s.published)-1] }

func TestWaitAndFlow(t *testing.T) {
	s := newScene(t)
	a, b := s.Add("a.b.c", true), s.Add("a.b.d", true)
	a.Sent(5)
	a.Wait("no grant", s.now)
	require.Equal(t, "no grant", s.last().Held)
	require.Equal(t, s.now, s.last().HeldSince)
	require.EqualValues(t, 5, s.last().Sent)
	require.EqualError(t, s.status[0], "a.b.c: no grant")
	n := len(s.published)
	a.Wait("no grant", s.now)
	require.Len(t, s.published, n, "the same again is no news")
	s.now = s.now.Add(time.Minute)
	a.Wait("no table", s.now)
	require.Equal(t, s.now.Add(-time.Minute), s.last().HeldSince, "it has waited since then")
	b.Wait("no table either", s.now)
	require.EqualError(t, s.status[len(s.status)-1], "a.b.c: no table; a.b.d: no table either")
	require.Equal(t, []string{"a.b.c", "a.b.d"}, s.waitingNames())

	began := s.now
	s.now = s.now.Add(time.Second)
	a.Flow()
	require.Empty(t, s.last().Held)
	require.EqualError(t, s.status[len(s.status)-1], "a.b.d: no table either")
	a.Wait("late news", began)
	require.Empty(t, s.last().Held, "an answer of success came after that attempt had begun")
	b.Flow()
	require.NoError(t, s.status[len(s.status)-1])
	n = len(s.published)
	b.Flow()
	require.Len(t, s.published, n)
	require.Equal(t, 2, s.logs.FilterMessage("Data for a destination waits").Len(), "once for each hold")
	require.Equal(t, 2, s.logs.FilterMessage("Data flows to a destination again").Len())
}

func TestManyWaiters(t *testing.T) {
	s := newScene(t)
	for i := range 5 {
		s.Add(fmt.Sprint("t", i), true).Wait("x", s.now)
	}
	require.EqualError(t, s.status[len(s.status)-1], "t0: x; t1: x; t2: x; and 2 more")
}

func TestCounts(t *testing.T) {
	s := newScene(t)
	a := s.Add("a.b.c", true)
	a.Sent(1)
	a.Rejected("schema", 2, 1, "no column")
	a.Rejected("schema", 2, 0, "no column")
	a.Returned("shutdown", 3, "")
	a.Request("accepted")
	at := func(n int64, more ...attribute.KeyValue) []metricdata.DataPoint[int64] {
		more = append(more, attribute.String("destination", "a.b.c"), attribute.String("signal", "traces"))
		return []metricdata.DataPoint[int64]{{Value: n, Attributes: attribute.NewSet(more...)}}
	}
	schema, when := attribute.String("reason", "schema"), metricdatatest.IgnoreTimestamp()
	metadatatest.AssertEqualExporterDatabricksSent(t, s.tel, at(1), when)
	metadatatest.AssertEqualExporterDatabricksRejected(t, s.tel, at(4, schema), when)
	metadatatest.AssertEqualExporterDatabricksDeadLettered(t, s.tel, at(1, schema), when)
	metadatatest.AssertEqualExporterDatabricksReturned(t, s.tel, at(3, attribute.String("reason", "shutdown")), when)
	metadatatest.AssertEqualExporterDatabricksRequests(t, s.tel, at(1, attribute.String("outcome", "accepted")), when)
	require.Equal(t, 1, s.logs.FilterMessage("Data was given up").Len(), "once a minute")
	s.now = s.now.Add(2 * time.Minute)
	a.Rejected("schema", 1, 0, "no column")
	a.Rejected("invalid", 1, 0, "bad")
	require.Equal(t, 3, s.logs.FilterMessage("Data was given up").Len())
	for i := range 20 {
		a.Note([]string{fmt.Sprint("finding ", i), ""})
	}
	s.Close(nil)
	d := s.last()
	require.EqualValues(t, 6, d.Rejected)
	require.EqualValues(t, 1, d.DeadLettered)
	require.Len(t, d.Problems, mostProblems)
	require.Equal(t, []string{"no column", "bad"}, d.Problems[:2])
}

func TestClose(t *testing.T) {
	s := newScene(t)
	one, two, unknown, idle := s.Add(
		"experiment:1",
		false,
	), s.Add(
		"a.b.c",
		true,
	), s.Add(
		"experiment:2",
		false,
	), s.Add(
		"experiment:3",
		false,
	)
	one.Wait("no such experiment", s.now)
	require.Empty(t, s.published, "its table is not known")
	require.Len(t, s.status, 1)
	one.Identify("a.b.c") // the same table by another way
	one.Flow()
	one.Sent(1)
	two.Sent(2)
	unknown.Wait("no such experiment", s.now)
	_ = idle
	s.Close(
		[]progress.Destination{
			{
				Name:         "a.b.c",
				Verification: progress.Short,
				Missing:      1,
				Detail:       "one is missing",
				Problems:     []string{"short"},
			},
		},
	)
	got := map[string]progress.Destination{}
	for _, d := range s.published {
		got[d.Name] = d
	}
	require.Len(t, got, 2, "nothing is said of what was neither sent nor wanted")
	require.EqualValues(t, 3, got["a.b.c"].Sent)
	require.Equal(t, progress.Short, got["a.b.c"].Verification)
	require.EqualValues(t, 1, got["a.b.c"].Missing)
	require.Contains(t, got["a.b.c"].Problems, "short")
	require.Equal(t, "no such experiment", got["experiment:2"].Held)
	require.Equal(t, progress.NotVerified, got["experiment:2"].Verification)
	require.Equal(t, "nothing was sent there: data waits", got["experiment:2"].Detail)

	n := len(s.published)
	s.Close(nil)
	two.Wait("too late", s.now)
	require.Len(t, s.published, n)
}

func TestDetails(t *testing.T) {
	s := newScene(t)
	s.Add("sent", true).Sent(1)
	s.Add("idle", true)
	s.Close(nil)
	details := map[string]string{}
	for _, d := range s.published {
		details[d.Name] = d.Detail
	}
	require.Equal(
		t,
		map[string]string{"sent": "not counted in the table: only spans are counted", "idle": "nothing was sent there"},
		details,
	)
}

func TestWithoutListeners(t *testing.T) {
	r, err := New(Settings{Telemetry: componenttest.NewNopTelemetrySettings(), Now: time.Now})
	require.NoError(t, err)
	a := r.Add("a", true)
	a.Wait("x", time.Now())
	a.Flow()
	r.Close(nil)
}
