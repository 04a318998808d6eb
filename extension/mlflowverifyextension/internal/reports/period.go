// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// period is the range of dates that a receiver is told to read: what is written under start_time and end_time, a point
// in time as RFC 3339 in UTC. An empty end has no bound.
type period struct {
	from, to string
	told     bool // a report of an older version does not tell
}

func (p period) String() string {
	return fmt.Sprintf("from %s to %s", cmp.Or(p.from, "the beginning"), cmp.Or(p.to, "its start"))
}

// period is that of a receiver.
func (d *Document) period(receiver string) period {
	p := period{told: len(d.Configuration) > 0}
	for _, line := range d.Configuration {
		if text, ok := strings.CutPrefix(line, "receivers::"+receiver+"::start_time: "); ok {
			p.from = point(text)
		}
		if text, ok := strings.CutPrefix(line, "receivers::"+receiver+"::end_time: "); ok {
			p.to = point(text)
		}
	}
	return p
}

// point is a point in time in one spelling. What is relative to now stays as it is.
func point(text string) string {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return text
}

// covers reports whether all dates of another period lie in p, as far as that is known. The other one was read from a
// time on, which is its end where none is written.
func (p period) covers(o period, read time.Time) bool {
	if !p.told || !o.told {
		return true
	}
	if p.from != "" && (o.from == "" || before(o.from, p.from)) {
		return false
	}
	return p.to == "" || !before(p.to, cmp.Or(o.to, read.UTC().Format(time.RFC3339Nano)))
}

// before reports whether a lies before b, as far as both are points in time.
func before(a, b string) bool {
	x, errX := time.Parse(time.RFC3339Nano, a)
	y, errY := time.Parse(time.RFC3339Nano, b)
	return errX == nil && errY == nil && x.Before(y)
}
