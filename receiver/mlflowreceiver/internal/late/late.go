// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package late decides what is told of traces that have changed after their delivery.
package late

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
)

// remembered is of how many assessments a Teller remembers the revision at least, 16 bytes each in a map;
// it forgets when there are twice as many.
const remembered = 1 << 15

// Teller remembers which revision of an assessment was told last, so that it is not told again with the
// next change of its trace. What it has forgotten, or an earlier process has told, may be told again. Its
// methods may be called at the same time.
type Teller struct {
	mu            sync.Mutex
	newest, older map[uint64]uint64 // revisions, by experiment, trace and assessment
}

// Delivered is what is told of a trace that is delivered: its assessments. Where something was told of it before, it is
// told, too, which tags, metadata and assessments it has now: some of what was told may be gone.
func Delivered(info *mlflow.Info, toldBefore bool) genai.Changes {
	c := genai.Changes{Assessments: info.Assessments}
	if toldBefore {
		c.Tags, c.Metadata, c.Present = info.Tags, info.Metadata, []string{}
		for i := range info.Assessments {
			c.Present = append(c.Present, info.Assessments[i].ID)
		}
	}
	return c
}

// Changes is what is told of an edited trace: all of its tags and metadata and the ids of its
// assessments, since only a digest tells that some of it has changed, and the assessments of which this
// process has not told the revision that is there. Their dates don't tell which are new: clients date an
// assessment when they make it, which may be long before they log it, and one that is overridden keeps its
// time. Where the state of the trace at its delivery is not known, only its assessments are told.
func (t *Teller) Changes(e *backfill.Edited) (c genai.Changes) {
	list := e.Info.Assessments
	if !e.Untold {
		c.Tags, c.Metadata = e.Info.Tags, e.Info.Metadata
		c.Present = []string{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range list {
		a := &list[i]
		if !e.Untold {
			c.Present = append(c.Present, a.ID)
		}
		if !t.told(&e.Info, a) {
			c.Assessments = append(c.Assessments, *a)
		}
	}
	return c
}

func (t *Teller) told(info *mlflow.Info, a *mlflow.Assessment) bool {
	k := key(info, a)
	last, ok := t.newest[k]
	if !ok {
		last, ok = t.older[k]
	}
	return ok && last == delivered.Revision(a)
}

// key identifies an assessment: two experiments may hold traces of the same id.
func key(info *mlflow.Info, a *mlflow.Assessment) uint64 {
	return delivered.Hash(info.ExperimentID + "/" + info.ID + "/" + a.ID)
}

// Told takes assessments of a trace that the pipeline took.
func (t *Teller) Told(info *mlflow.Info, list []mlflow.Assessment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range list {
		if len(t.newest) >= remembered {
			t.newest, t.older = nil, t.newest
		}
		if t.newest == nil {
			t.newest = map[uint64]uint64{}
		}
		t.newest[key(info, &list[i])] = delivered.Revision(&list[i])
	}
}

// Raise gives the topmost spans of traces that are sent again a higher revision: the time now, or the
// next millisecond after the newest change of an assessment where the clock of the source is ahead.
func Raise(td ptrace.Traces, now time.Time) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if v, ok := s.Attributes().Get(genai.Revision); ok {
					v.SetInt(max(now.UnixMilli(), v.Int()+1))
				}
			}
		}
	}
}
