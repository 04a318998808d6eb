// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Record is what is kept of an experiment between runs.
type Record struct {
	// Covered is what runs of formats 1 and 2 had read. Its traces are taken over into the delivered
	// set as they are listed; then it is empty.
	Covered Coverage `json:"covered,omitempty"`
	// Identity tells the experiment from another one with the same id.
	Identity Identity `json:"identity"`
	// Generation counts how often another experiment took the place of this one.
	Generation int `json:"generation,omitempty"`
	// LastRun is when the last run began that read everything, Unix milliseconds.
	LastRun int64 `json:"last_run,omitempty"`
	// Begun is when the first run began, Unix milliseconds, as long as none has read everything.
	Begun int64 `json:"begun,omitempty"`
	// Last are ids of the traces that were delivered last.
	Last []string `json:"last,omitempty"`
	// Open lists the numbers of the stored pages of open traces.
	Open []int `json:"open,omitempty"`
	// Filter identifies the filter with which the experiment was listed; empty for none.
	Filter string `json:"filter,omitempty"`
	// Totals of all runs so far.
	Totals Totals `json:"totals"`
	// Delivery is the weakest word with which traces were delivered so far; empty when none was, or
	// when a version before 2 of the format counted them.
	Delivery Delivery `json:"delivery,omitempty"`

	// Unfinished are the ids that format 1 kept in the record itself; they become open traces.
	Unfinished []string `json:"-"`
	// Older is true for a record of format 1 or 2, which knew no delivered set.
	Older bool `json:"-"`
}

// Identity is what an experiment keeps for its whole life, beside its id.
type Identity struct {
	Created          int64  `json:"created,omitempty"` // Unix milliseconds
	ArtifactLocation string `json:"artifact_location,omitempty"`
}

// IdentityOf returns what tells an experiment from another one with its id.
func IdentityOf(x *mlflow.Experiment) Identity {
	return Identity{Created: x.Created, ArtifactLocation: x.ArtifactLocation}
}

// String says what it tells.
func (i Identity) String() string {
	return fmt.Sprintf("created %s with artifacts at %q", Timestamp(i.Created), i.ArtifactLocation)
}

// Differs reports whether two identities are of different experiments. What one of them does not
// tell is not compared.
func (i Identity) Differs(o Identity) bool {
	return i.Created != 0 && o.Created != 0 && i.Created != o.Created ||
		i.ArtifactLocation != "" && o.ArtifactLocation != "" && i.ArtifactLocation != o.ArtifactLocation
}

// Totals are numbers of traces, except for Spans, which counts those that were sent, also again. Read =
// Accepted + Skipped + Rejected + Pending, and what is in flight. PartiallyRejected is a part of
// Rejected. First and Last are the smallest and largest timestamp among accepted traces, Unix
// milliseconds; 0 when there is none.
type Totals struct {
	Read     int64                   `json:"read"`
	Accepted int64                   `json:"accepted"`
	Spans    int64                   `json:"spans"`
	Skipped  map[mlflow.Reason]int64 `json:"skipped,omitempty"`
	Rejected int64                   `json:"rejected"`
	Pending  map[mlflow.Reason]int64 `json:"pending,omitempty"`
	First    int64                   `json:"first,omitempty"`
	Last     int64                   `json:"last,omitempty"`

	PartiallyRejected int64 `json:"partially_rejected,omitempty"`
}

// Add adds o to t.
func (t *Totals) Add(o Totals) {
	t.Read += o.Read
	t.Accepted += o.Accepted
	t.Spans += o.Spans
	t.Rejected += o.Rejected
	t.PartiallyRejected += o.PartiallyRejected
	for r, n := range o.Skipped {
		t.Skip(r, n)
	}
	for r, n := range o.Pending {
		t.Wait(r, n)
	}
	if o.First != 0 && (t.First == 0 || o.First < t.First) {
		t.First = o.First
	}
	t.Last = max(t.Last, o.Last)
}

// Skip counts n traces skipped for a reason.
func (t *Totals) Skip(r mlflow.Reason, n int64) {
	if t.Skipped == nil {
		t.Skipped = map[mlflow.Reason]int64{}
	}
	t.Skipped[r] += n
}

// Wait counts n traces pending for a reason.
func (t *Totals) Wait(r mlflow.Reason, n int64) {
	if t.Pending == nil {
		t.Pending = map[mlflow.Reason]int64{}
	}
	t.Pending[r] += n
}

// Leave counts n traces under the reason for which they are not delivered: rejected, pending or
// skipped.
func (t *Totals) Leave(r mlflow.Reason, n int64) {
	switch {
	case r == Rejected:
		t.Rejected += n
	case r == PartiallyRejected:
		t.Rejected += n
		t.PartiallyRejected += n
	case IsPending(r):
		t.Wait(r, n)
	default:
		t.Skip(r, n)
	}
}

// Left is the number of traces that are counted under a reason.
func (t *Totals) Left(r mlflow.Reason) int64 {
	switch {
	case r == Rejected:
		return t.Rejected - t.PartiallyRejected
	case r == PartiallyRejected:
		return t.PartiallyRejected
	case IsPending(r):
		return t.Pending[r]
	default:
		return t.Skipped[r]
	}
}

// Retake takes back a trace that was counted under a reason, since it is read again.
func (t *Totals) Retake(r mlflow.Reason) {
	if t.Left(r) > 0 {
		t.Leave(r, -1)
		t.Read--
	}
}

// Forget takes back n accepted traces of which it is no longer known that they were. Their spans stay
// counted, since it is not known how many they were.
func (t *Totals) Forget(n int64) {
	n = min(n, t.Accepted)
	t.Read -= n
	t.Accepted -= n
}

// Saw widens First and Last by the timestamp of an accepted trace.
func (t *Totals) Saw(timestamp int64) { t.Add(Totals{First: timestamp, Last: timestamp}) }

// SkippedSum is the number of skipped traces, whatever the reason.
func (t *Totals) SkippedSum() int64 { return sum(t.Skipped) }

// PendingSum is the number of pending traces, whatever the reason.
func (t *Totals) PendingSum() int64 { return sum(t.Pending) }

func sum(counts map[mlflow.Reason]int64) (n int64) {
	for _, k := range counts {
		n += k
	}
	return n
}

// Clone returns a copy that shares nothing with t.
func (t Totals) Clone() Totals {
	t.Skipped, t.Pending = maps.Clone(t.Skipped), maps.Clone(t.Pending)
	return t
}

// The formats of a record. Each is the word in front of it; a reader takes its own and those before
// it.
const (
	recordName    = "mlflow-position-"
	recordVersion = recordName + "3"
	// recordVersion2 knew what was read as ranges of time.
	recordVersion2 = recordName + "2"
	// recordVersion1 kept the ids of unfinished traces in the record and counted them as skipped.
	recordVersion1 = recordName + "1"
)

// Encode returns the record with its version and a checksum.
func (r Record) Encode() []byte { return sealJSON(recordVersion, r) }

// DecodeRecord reads what Encode wrote; no bytes at all are an empty record. The error is
// delivered.ErrDamaged or delivered.ErrNewerFormat, with what is wrong.
func DecodeRecord(b []byte) (Record, error) {
	var r Record
	if b == nil {
		return r, nil
	}
	version, body, err := unseal(b, "a position", " ", recordVersion, recordVersion1, recordVersion2)
	if err != nil {
		return r, err
	}
	switch version {
	case recordVersion1:
		r, err = upgrade1(body)
	case recordVersion2:
		r, err = upgrade2(body)
	default:
		err = json.Unmarshal(body, &r)
	}
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", delivered.ErrDamaged, err)
	}
	return r, nil
}

// upgrade1 reads a record of format 1.
func upgrade1(body []byte) (Record, error) {
	var old struct {
		Coverage Coverage `json:"coverage"`
		Pending  []string `json:"pending"`
		Totals   Totals   `json:"totals"`
	}
	if err := json.Unmarshal(body, &old); err != nil {
		return Record{}, err
	}
	if n := old.Totals.Skipped[mlflow.ReasonInProgress]; n > 0 {
		old.Totals.Wait(mlflow.ReasonInProgress, n)
		delete(old.Totals.Skipped, mlflow.ReasonInProgress)
	}
	return Record{Covered: old.Coverage, Totals: old.Totals, Unfinished: old.Pending, Older: true}, nil
}

// upgrade2 reads a record of format 2.
func upgrade2(body []byte) (Record, error) {
	var old struct {
		Coverage Coverage `json:"coverage"`
		Record
	}
	if err := json.Unmarshal(body, &old); err != nil {
		return Record{}, err
	}
	old.Record.Covered, old.Record.Older = old.Coverage, true
	return old.Record, nil
}
