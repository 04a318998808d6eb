// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Batches with two resources of two scopes of three units each, numbered by name.

func traces() ptrace.Traces {
	td := ptrace.NewTraces()
	n := 0
	for r := range 2 {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutInt("r", int64(r))
		rs.SetSchemaUrl("resource schema")
		for s := range 2 {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(fmt.Sprint("scope ", s))
			ss.SetSchemaUrl("scope schema")
			for range 3 {
				span := ss.Spans().AppendEmpty()
				span.SetName(strconv.Itoa(n))
				span.SetTraceID([16]byte{byte(n/2 + 1)})
				n++
			}
		}
	}
	return td
}

func logs() plog.Logs {
	ld := plog.NewLogs()
	n := 0
	for r := range 2 {
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutInt("r", int64(r))
		for range 2 {
			sl := rl.ScopeLogs().AppendEmpty()
			for range 3 {
				sl.LogRecords().AppendEmpty().Body().SetStr(strconv.Itoa(n))
				n++
			}
		}
	}
	return ld
}

func metrics() pmetric.Metrics {
	md := pmetric.NewMetrics()
	n := 0
	for r := range 2 {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutInt("r", int64(r))
		for range 2 {
			sm := rm.ScopeMetrics().AppendEmpty()
			for range 3 {
				m := sm.Metrics().AppendEmpty()
				m.SetName(strconv.Itoa(n))
				m.SetEmptySum().DataPoints().AppendEmpty()
				m.Sum().DataPoints().AppendEmpty()
				n++
			}
		}
	}
	return md
}

// names are the numbers of a batch's units.
func names[T any](t *testing.T, b T) (out []string) {
	switch b := any(b).(type) {
	case ptrace.Traces:
		for _, rs := range b.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					out = append(out, s.Name())
				}
			}
		}
	case plog.Logs:
		for _, rl := range b.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					out = append(out, r.Body().Str())
				}
			}
		}
	case pmetric.Metrics:
		for _, rm := range b.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					out = append(out, m.Name())
				}
			}
		}
	default:
		require.FailNow(t, "another kind")
	}
	return out
}

func TestKinds(t *testing.T) {
	t.Run("traces", func(t *testing.T) { check(t, Traces{}, traces(), 12) })
	t.Run("logs", func(t *testing.T) { check(t, Logs{}, logs(), 12) })
	t.Run("metrics", func(t *testing.T) { check(t, Metrics{}, metrics(), 24) })
}

func check[T any](t *testing.T, k Kind[T], b T, items int) {
	before, err := k.Marshal(b)
	require.NoError(t, err)
	require.Len(t, before, k.Size(b))
	require.Equal(t, 12, k.Units(b))
	require.Equal(t, items, k.Items(b))
	require.Equal(t, Range{0, 12}, Whole(k, b))

	for _, c := range []struct {
		ranges []Range
		want   string
	}{
		{[]Range{{0, 12}}, "0 1 2 3 4 5 6 7 8 9 10 11"},
		{[]Range{{0, 1}}, "0"},
		{[]Range{{11, 12}}, "11"},
		{[]Range{{2, 4}}, "2 3"},
		{[]Range{{5, 7}}, "5 6"},
		{[]Range{{0, 1}, {1, 2}, {4, 4}, {7, 9}, {11, 12}}, "0 1 7 8 11"},
		{nil, ""},
	} {
		part := k.Pick(b, c.ranges...)
		require.Equal(t, c.want, strings.Join(names(t, part), " "), "%v", c.ranges)
		if c.want == "" {
			require.Zero(t, k.Resources(part), "no empty shells")
		}
	}
	last := k.Pick(b, Range{11, 12})
	require.Equal(t, 1, k.Resources(last), "no empty shells")
	v, _ := k.Resource(last, 0).Get("r")
	require.EqualValues(t, 1, v.Int())

	second := k.PickResources(b, []int{1})
	require.Equal(t, "6 7 8 9 10 11", strings.Join(names(t, second), " "))
	require.Equal(
		t,
		"6 7 8 9 10 11 0 1 2 3 4 5",
		strings.Join(names(t, k.Join([]T{second, k.PickResources(b, []int{0})})), " "),
	)

	text, err := k.JSON(b)
	require.NoError(t, err)
	require.True(t, json.Valid(text))
	require.True(t, strings.HasPrefix(string(text), `{"`))
	require.NotContains(t, string(text), "\n")

	partial := k.Undelivered(errors.New("why"), last)
	rest, ok := k.Rest(consumererror.NewPermanent(fmt.Errorf("around: %w", partial)))
	require.True(t, ok)
	require.Equal(t, 1, k.Units(rest))
	_, ok = k.Rest(errors.New("another"))
	require.False(t, ok)

	after, err := k.Marshal(b)
	require.NoError(t, err)
	require.Equal(t, before, after, "the input is as it was")
}

func TestScopesAndSchemasStay(t *testing.T) {
	part := Traces{}.Pick(traces(), Range{10, 11})
	rs := part.ResourceSpans().At(0)
	require.Equal(t, "resource schema", rs.SchemaUrl())
	require.Equal(t, "scope 1", rs.ScopeSpans().At(0).Scope().Name())
	require.Equal(t, "scope schema", rs.ScopeSpans().At(0).SchemaUrl())
}

func TestHalves(t *testing.T) {
	for r, want := range map[Range][2]Range{{0, 2}: {{0, 1}, {1, 2}}, {3, 6}: {{3, 4}, {4, 6}},
		{5, 105}: {{5, 55}, {55, 105}}} {
		one, two := r.Halves()
		require.Equal(t, want, [2]Range{one, two})
	}
}

func TestPaces(t *testing.T) {
	td := traces() // trace ids 1 1 2 2 3 3 4 4 5 5 6 6
	require.Equal(t, 6, Traces{}.Traces(td))
	require.Equal(t, []Range{{0, 12}}, Traces{}.Paces(td, 6))
	require.Equal(t, []Range{{0, 8}, {8, 12}}, Traces{}.Paces(td, 4))
	require.Equal(t, []Range{{0, 2}, {2, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 12}}, Traces{}.Paces(td, 1))
	require.Equal(t, []Range{{0, 12}}, Logs{}.Paces(logs(), 1))
	require.Equal(t, []Range{{0, 12}}, Metrics{}.Paces(metrics(), 1))
	require.Zero(t, Logs{}.Traces(logs())+Metrics{}.Traces(metrics()))
	interleaved := ptrace.NewTraces()
	spans := interleaved.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, id := range []byte{1, 2, 1, 3, 1} {
		spans.AppendEmpty().SetTraceID([16]byte{id})
	}
	require.Equal(t, []Range{{0, 3}, {3, 5}}, Traces{}.Paces(interleaved, 2))
	zero := ptrace.NewTraces()
	zero.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	require.Equal(t, 1, Traces{}.Traces(zero), "the id of no trace is one too")
}

func TestRejected(t *testing.T) {
	tr, lr, mr := ptraceotlp.NewExportResponse(), plogotlp.NewExportResponse(), pmetricotlp.NewExportResponse()
	tr.PartialSuccess().SetRejectedSpans(2)
	tr.PartialSuccess().SetErrorMessage("spans")
	lr.PartialSuccess().SetRejectedLogRecords(3)
	lr.PartialSuccess().SetErrorMessage("records")
	mr.PartialSuccess().SetRejectedDataPoints(4)
	mr.PartialSuccess().SetErrorMessage("points")
	for _, c := range []struct {
		read    func([]byte, string) (int64, string, error)
		proto   func() ([]byte, error)
		json    func() ([]byte, error)
		n       int64
		message string
	}{
		{Traces{}.Rejected, tr.MarshalProto, tr.MarshalJSON, 2, "spans"},
		{Logs{}.Rejected, lr.MarshalProto, lr.MarshalJSON, 3, "records"},
		{Metrics{}.Rejected, mr.MarshalProto, mr.MarshalJSON, 4, "points"},
	} {
		for kind, marshal := range map[string]func() ([]byte, error){"application/x-protobuf": c.proto,
			"application/json; charset=utf-8": c.json} {
			body, err := marshal()
			require.NoError(t, err)
			n, message, err := c.read(body, kind)
			require.NoError(t, err)
			require.Equal(t, c.n, n)
			require.Equal(t, c.message, message)
		}
		for _, quiet := range []struct{ body, kind string }{{"", ""}, {"", "application/json"}, {" " +
			"\n", "text/plain"}, {"{}", "application/json"}} {
			n, _, err := c.read([]byte(quiet.body), quiet.kind)
			require.NoError(t, err)
			require.Zero(t, n)
		}
		for _, odd := range []struct{ body, kind string }{
			{"\xff\xff", "application/x-protobuf"}, {"<html>", "application/json"}, {"{}", ""}, {"OK", "text/plain"},
			{"[]", "application/json"}, {"{", "application/json"},
		} {
			n, _, err := c.read([]byte(odd.body), odd.kind)
			require.ErrorIs(t, err, ErrNoAnswer, odd)
			require.Zero(t, n)
		}
	}
}
