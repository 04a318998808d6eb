// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package late

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
)

// TestChanges: an assessment is told whatever its date is, unless this revision was.
func TestChanges(t *testing.T) {
	old, recent := mlflow.Assessment{ID: "old", Updated: 1}, mlflow.Assessment{ID: "recent", Created: 1 << 50}
	tags := []mlflow.KeyValue{{Key: "a", Value: "b"}}
	for name, tc := range map[string]struct {
		list    []mlflow.Assessment
		edited  backfill.Edited
		want    []mlflow.Assessment
		present []string
	}{
		"some": {[]mlflow.Assessment{old, recent}, backfill.Edited{}, []mlflow.Assessment{old, recent},
			[]string{"old", "recent"}},
		"state not known": {[]mlflow.Assessment{old}, backfill.Edited{Untold: true}, []mlflow.Assessment{old}, nil},
		"all deleted":     {nil, backfill.Edited{}, nil, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.edited.Info = mlflow.Info{Tags: tags, Metadata: tags, Assessments: tc.list}
			var teller Teller
			c := teller.Changes(&tc.edited)
			assert.Equal(t, tc.want, c.Assessments)
			assert.Equal(t, tc.present, c.Present)
			assert.Equal(t, tc.edited.Untold, c.Tags == nil && c.Metadata == nil)
			teller.Told(&tc.edited.Info, c.Assessments)
			assert.Empty(t, teller.Changes(&tc.edited).Assessments)
		})
	}
}

// TestTellerForgets: it holds a bounded number of revisions, the newest ones.
func TestTellerForgets(t *testing.T) {
	var teller Teller
	edited := func(n int) *backfill.Edited {
		return &backfill.Edited{Info: mlflow.Info{Assessments: []mlflow.Assessment{{ID: strconv.Itoa(n)}}}}
	}
	for n := range 3 * remembered {
		teller.Told(&edited(n).Info, edited(n).Info.Assessments)
	}
	assert.LessOrEqual(t, len(teller.newest)+len(teller.older), 2*remembered)
	assert.Len(t, teller.Changes(edited(0)).Assessments, 1)
	for _, n := range []int{2 * remembered, 3*remembered - 1} {
		assert.Empty(t, teller.Changes(edited(n)).Assessments)
	}
}

// TestTellerForth: an assessment that is again as it was earlier is told again.
func TestTellerForth(t *testing.T) {
	var teller Teller
	for _, invalid := range []bool{false, true, false} {
		e := &backfill.Edited{Info: mlflow.Info{Assessments: []mlflow.Assessment{{ID: "a", Invalid: invalid}}}}
		assert.Len(t, teller.Changes(e).Assessments, 1)
		teller.Told(&e.Info, e.Info.Assessments)
	}
}

// TestTellerTellsExperimentsApart: two experiments may hold traces of the same id.
func TestTellerTellsExperimentsApart(t *testing.T) {
	var teller Teller
	for _, experiment := range []string{"1", "2"} {
		e := &backfill.Edited{Info: mlflow.Info{ID: "tr-1", ExperimentID: experiment,
			Assessments: []mlflow.Assessment{{ID: "a"}}}}
		assert.Len(t, teller.Changes(e).Assessments, 1)
		teller.Told(&e.Info, e.Info.Assessments)
		assert.Empty(t, teller.Changes(e).Assessments)
	}
}

// TestDelivered: what was told before of a trace may be gone, so that it is told what is there.
func TestDelivered(t *testing.T) {
	info := &mlflow.Info{Tags: []mlflow.KeyValue{{Key: "a"}}, Metadata: []mlflow.KeyValue{{Key: "b"}},
		Assessments: []mlflow.Assessment{{ID: "x"}}}
	assert.Equal(t, genai.Changes{Assessments: info.Assessments}, Delivered(info, false))
	assert.Equal(t, genai.Changes{Assessments: info.Assessments, Tags: info.Tags, Metadata: info.Metadata,
		Present: []string{"x"}}, Delivered(info, true))
	assert.Equal(t, []string{}, Delivered(&mlflow.Info{}, true).Present)
}

func TestRaise(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	now := time.UnixMilli(1000)
	for _, revision := range []int64{0, 999, 1000, 2000} {
		spans.AppendEmpty().Attributes().PutInt(genai.Revision, revision)
	}
	spans.AppendEmpty()
	Raise(td, now)
	for i, want := range []int64{1000, 1000, 1001, 2001} {
		v, _ := spans.At(i).Attributes().Get(genai.Revision)
		assert.Equal(t, want, v.Int())
	}
	assert.Zero(t, spans.At(4).Attributes().Len())
}
