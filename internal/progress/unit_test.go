// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestUnit(t *testing.T) {
	require.Nil(t, UnitOf(t.Context()))
	UnitOf(t.Context()).Reject(1, "without a unit nothing happens")

	u := NewUnit(5)
	got := UnitOf(WithUnit(t.Context(), u))
	require.Same(t, u, got)
	got.Reject(2, "first")
	got.Reject(2, "second")
	n, message := u.Rejected()
	require.EqualValues(t, 4, n)
	require.Equal(t, "first", message)
	got.Reject(2, "third")
	n, _ = u.Rejected()
	require.EqualValues(t, 5, n, "no more than there are")
}

// Exporters over gRPC send again after it.
func TestAnswerErrorStatus(t *testing.T) {
	require.Equal(t, codes.Unavailable, status.Code(&AnswerError{"a page"}))
}

type named struct {
	component.StartFunc
	component.ShutdownFunc
	name string
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// All components find the same one of several extensions.
func TestFind(t *testing.T) {
	h := host{}
	require.Nil(t, Find[*named](h))
	for _, name := range []string{"c", "a", "b"} {
		h[component.MustNewIDWithName("mlflow_report", name)] = &named{name: name}
	}
	for range 10 {
		require.Equal(t, "a", Find[*named](h).name)
	}
}

// A trace that is counted under a reason is taken back from there.
func TestPartiallyRejectedTotals(t *testing.T) {
	var all Totals
	all.Read = 3
	all.Leave(Rejected, 1)
	all.Leave(PartiallyRejected, 2)
	require.EqualValues(t, 3, all.Rejected)
	require.EqualValues(t, 1, all.Left(Rejected))
	require.EqualValues(t, 2, all.Left(PartiallyRejected))
	all.Retake(PartiallyRejected)
	require.Equal(t, Totals{Read: 2, Rejected: 2, PartiallyRejected: 1}, all)
	sum := all.Clone()
	sum.Add(all)
	require.EqualValues(t, 2, sum.PartiallyRejected)
}
