// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package batch counts the items of a batch of traces, logs or metrics, cuts a batch into ranges,
// marshals a range as an OTLP request, and reads the answer to it. It is pure, and no function
// changes its input.
package batch

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Range is a run of units of a batch: from, up to but not including to.
type Range struct{ From, To int }

// Len is the number of units.
func (r Range) Len() int { return r.To - r.From }

// Halves cuts a range of at least two units in the middle.
func (r Range) Halves() (Range, Range) {
	mid := r.From + r.Len()/2
	return Range{r.From, mid}, Range{mid, r.To}
}

// Kind is what can be done to batches of one signal. A unit is the smallest thing that a batch can
// be cut into: a span, a log record, a metric with its data points. An item is what is counted:
// spans, log records, data points.
type Kind[T any] interface {
	// Signal is the signal as tables spell it, Path as OTLP paths do.
	Signal() unity.Signal
	Path() string

	Units(T) int
	Items(T) int
	// Size is the number of bytes of the protobuf form.
	Size(T) int
	Marshal(T) ([]byte, error)
	// JSON is OTLP/JSON in one line: an object that begins with {" and isn't empty.
	JSON(T) ([]byte, error)

	// Pick returns a copy of some units in their order, below copies of their resource and scope.
	// Ranges ascend and don't overlap.
	Pick(b T, ranges ...Range) T
	// Resources is the number of groups of items with the same resource; Resource returns the
	// attributes of one; PickResources copies some groups, in ascending order.
	Resources(T) int
	Resource(b T, i int) pcommon.Map
	PickResources(b T, indexes []int) T
	// Join returns a batch with copies of the groups of several.
	Join([]T) T

	// Traces counts distinct trace ids; 0 for signals that the quota of traces does not concern.
	Traces(b T) int
	// Paces cuts a batch so that no part has more than most distinct traces.
	Paces(b T, most int) []Range

	// Rejected reads the answer to an accepted request: how many items were refused, and why.
	Rejected(body []byte, contentType string) (n int64, message string, err error)
	// Undelivered makes an error say which part of a batch was not delivered; Rest is what an error
	// says.
	Undelivered(err error, rest T) error
	Rest(err error) (T, bool)
}

// Whole is all units of a batch.
func Whole[T any](k Kind[T], b T) Range { return Range{0, k.Units(b)} }

// cutter tells, unit by unit, whether it is to be copied.
type cutter struct {
	ranges []Range
	at     int // the next unit
}

// overlaps reports whether any of the next n units is wanted; if none is, they are passed.
func (c *cutter) overlaps(n int) bool {
	for len(c.ranges) > 0 && c.ranges[0].To <= c.at {
		c.ranges = c.ranges[1:]
	}
	if len(c.ranges) > 0 && c.ranges[0].From < c.at+n {
		return true
	}
	c.at += n
	return false
}

// next reports whether the next unit is wanted, and passes it.
func (c *cutter) next() bool {
	for len(c.ranges) > 0 && c.ranges[0].To <= c.at {
		c.ranges = c.ranges[1:]
	}
	wanted := len(c.ranges) > 0 && c.ranges[0].From <= c.at
	c.at++
	return wanted
}
