// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
)

// After a refusal one request an interval asks, and the others wait for what it hears.
func TestGate(t *testing.T) {
	const interval = 10 * time.Second
	g := NewGate(nil, interval, 0)
	at := time.Unix(1000, 0)
	require.Nil(t, g.Admit(spansOnly, at))

	require.Equal(t, &Held{Message: "why", Wait: interval, Refused: true}, g.Refused(spansOnly, "why", true, at))
	require.Equal(
		t,
		&Held{Message: "why", Wait: 6 * time.Second, Pending: true},
		g.Admit(spansOnly, at.Add(4*time.Second)),
	)
	require.Nil(t, g.Admit(spansOnly, at.Add(interval)), "one may ask")
	require.Equal(t, &Held{Message: "why", Wait: interval, Pending: true}, g.Admit(spansOnly, at.Add(interval)),
		"and the others wait for what it hears")

	g.Accepted()
	require.Nil(t, g.Admit(spansOnly, at.Add(interval)))
	require.Nil(t, g.Admit(spansOnly, at.Add(interval)))
}

// What a refusal means for giving data up: only what a person has to change counts, from the first
// time it was seen.
func TestGateIsOverdue(t *testing.T) {
	const interval, longest = 10 * time.Second, 20 * time.Second
	g := NewGate(nil, interval, longest)
	at := time.Unix(1000, 0)
	after := at.Add

	require.False(t, g.Refused(spansOnly, "no grant", false, at).Overdue)
	require.False(t, g.Refused(spansOnly, "no table", false, after(interval)).Overdue)
	require.Nil(t, g.Admit(spansOnly, after(interval+longest/2)), "one may ask")
	require.True(t, g.Admit(spansOnly, after(longest)).Overdue, "it is the same hold")
	require.True(t, g.Refused(spansOnly, "no table", false, after(longest)).Overdue)

	require.False(t, g.RefusedSignIn("a secret has expired", after(longest)).Overdue, "no data is given up for that")
	require.False(t, g.Admit(spansOnly, after(longest)).Overdue, "but it is held")
	require.False(t, g.Refused(spansOnly, "no grant", false, after(2*longest)).Overdue,
		"what was before does not count")
	require.True(t, g.Refused(spansOnly, "no grant", false, after(3*longest)).Overdue)

	g.Accepted()
	require.False(t, g.Refused(spansOnly, "no grant", false, after(9*longest)).Overdue)

	g = NewGate(nil, interval, 0)
	g.Refused(spansOnly, "no grant", false, at)
	require.False(t, g.Refused(spansOnly, "no grant", false, after(24*time.Hour)).Overdue, "0 is never")
}

func TestGateWithoutATable(t *testing.T) {
	g := NewGate(nil, time.Second, time.Minute)
	at := time.Unix(1000, 0)
	require.Equal(t, &Held{Message: "no connection", Transient: true},
		g.Unresolved(&route.Fault{Message: "no connection", Transient: true}, at))
	require.Nil(t, g.Admit(spansOnly, at))
	require.Equal(
		t,
		&Held{Message: "no experiment", Wait: time.Second, Refused: true},
		g.Unresolved(&route.Fault{Message: "no experiment"}, at),
	)
	require.True(t, g.Unresolved(&route.Fault{Message: "no experiment"}, at.Add(time.Minute)).Overdue)
	require.Nil(t, g.Admit(spansOnly, at.Add(time.Minute)), "the table is known now: it may be asked at once")
}
