// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Trace is what the set has to know of a trace.
type Trace struct {
	Hash      uint64 // of the id
	Shape     uint16
	Timestamp int64 // Unix milliseconds; its day is where the trace is kept
	Duration  int64 // milliseconds
	Untimed   bool  // it has no duration
	Spans     int64 // the number that the metadata tells; 0 when it tells none
	// Digest is that of Digest; 0 leaves the digest of the trace as it is.
	Digest uint64
}

// UnknownSpans is the number of spans of a trace whose metadata tells none.
const UnknownSpans = -1

// NewTrace makes a Trace without a digest. spans is the number that the metadata of the trace tells
// (num_spans), or UnknownSpans. It is a part of the shape: where one listing tells it and another
// leaves it out, the trace counts as grown.
func NewTrace(info *mlflow.Info, spans int64) Trace {
	return Trace{
		Hash: Hash(info.ID), Shape: Shape(info.State, info.Timestamp, info.Duration, spans),
		Timestamp: info.Timestamp, Duration: info.Duration, Untimed: info.Untimed, Spans: max(spans, 0),
	}
}

// counts are what the trace adds to those of its day.
func (t *Trace) counts() mlflow.Counts {
	c := mlflow.Counts{Traces: 1, Duration: t.Duration}
	if t.Untimed {
		c.Untimed = 1
	}
	return c
}

// Day is the day on which the trace is kept.
func (t *Trace) Day() mlflow.Day { return mlflow.DayOf(t.Timestamp) }

// minute is the minute of the day.
func (t *Trace) minute() uint16 { return uint16((t.Timestamp - t.Day().Start()) / 60_000) }

// Hash is the first 8 bytes of SHA-256 of a trace id. Clients choose ids: with a weaker hash, one of
// them could make an id that hides the trace of another.
func Hash(id string) uint64 {
	s := sha256.Sum256([]byte(id))
	return binary.LittleEndian.Uint64(s[:])
}

// Shape is 2 bytes of what changes in an info when spans are added to a trace. timestamp and
// duration are in milliseconds; spans as in NewTrace.
func Shape(state mlflow.State, timestamp, duration, spans int64) uint16 {
	b := make([]byte, 0, 64)
	b = binary.LittleEndian.AppendUint64(b, uint64(timestamp))
	b = binary.LittleEndian.AppendUint64(b, uint64(duration))
	b = binary.LittleEndian.AppendUint64(b, uint64(spans))
	s := sha256.Sum256(append(b, state...))
	return binary.LittleEndian.Uint16(s[:])
}

// digestInvalid is the bit of a digest that says that an assessment is not valid. It is no part of what
// is compared: earlier versions had a bit of the hash there.
const digestInvalid = 1 << 63

// Digest is 8 bytes of what may change late in an info that is complete: its tags, metadata and
// assessments. It is never 0.
func Digest(info *mlflow.Info) uint64 {
	d := digester{Hash: sha256.New()}
	d.pairs(info.Tags)
	d.pairs(info.Metadata)
	d.number(int64(len(info.Assessments)))
	invalid := uint64(0)
	for i := range info.Assessments {
		d.assessment(&info.Assessments[i])
		if info.Assessments[i].Invalid {
			invalid = digestInvalid
		}
	}
	return max(binary.LittleEndian.Uint64(d.Sum(nil))&^digestInvalid, 1) | invalid
}

// Revision is 8 bytes of an assessment in its current state.
func Revision(a *mlflow.Assessment) uint64 {
	d := digester{Hash: sha256.New()}
	d.assessment(a)
	return binary.LittleEndian.Uint64(d.Sum(nil))
}

// digester hashes values so that no two lists of values look the same.
type digester struct{ hash.Hash }

func (d digester) number(n int64) { _, _ = d.Write(binary.LittleEndian.AppendUint64(nil, uint64(n))) }

func (d digester) text(s string) {
	d.number(int64(len(s)))
	_, _ = d.Write([]byte(s))
}

func (d digester) flag(b bool) {
	n := int64(0)
	if b {
		n = 1
	}
	d.number(n)
}

func (d digester) assessment(a *mlflow.Assessment) {
	for _, s := range []string{
		a.ID, a.Name, a.TraceID, a.SpanID, a.SourceType, a.SourceID, string(a.Kind), a.Serialized, a.Rationale,
		a.Overrides,
	} {
		d.text(s)
	}
	d.number(a.Created)
	d.number(a.Updated)
	d.text(string(a.Value))
	d.flag(a.Value == nil)
	d.flag(a.Invalid)
	d.flag(a.Error != nil)
	if a.Error != nil {
		d.text(a.Error.Code)
		d.text(a.Error.Message)
		d.text(a.Error.StackTrace)
	}
	d.pairs(a.Metadata)
}

func (d digester) pairs(list []mlflow.KeyValue) {
	d.number(int64(len(list)))
	for _, kv := range list {
		d.text(kv.Key)
		d.text(kv.Value)
	}
}
