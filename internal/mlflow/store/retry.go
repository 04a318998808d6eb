// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// pace is how long and how often what fails for a reason that passes is tried again.
type pace struct {
	first, most time.Duration // waits: the first, and the longest
	limit       time.Duration // of all of them; 0: none
	// exceeded says what lasted for longer than limit.
	exceeded string
	// note is told of each wait; nil: nothing is.
	note func(cause error, wait time.Duration)
}

// locked is the pace for SQLite. A server holds its lock for the time of one commit; a migration or VACUUM
// may take longer.
var locked = pace{first: 10 * time.Millisecond, most: time.Second, limit: time.Minute,
	exceeded: "locked by another process"}

// retry calls f until it succeeds, fails for good, or failed for too long. f starts anew each time.
func retry(ctx context.Context, p pace, transient func(error) bool, f func() error) error {
	start := time.Now()
	for wait := p.first; ; wait = min(2*wait, p.most) {
		err := f()
		if err == nil || !transient(err) || ctx.Err() != nil {
			return err
		}
		if p.limit > 0 && time.Since(start) > p.limit {
			return fmt.Errorf("%s for more than %v: %w", p.exceeded, p.limit, err)
		}
		pause := wait/2 + rand.N(wait/2)
		if p.note != nil {
			p.note(err, pause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

func (s *Store) retry(ctx context.Context, f func() error) error {
	return retry(ctx, s.pace, s.db.transient, f)
}
