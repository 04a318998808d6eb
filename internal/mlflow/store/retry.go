// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// lockedFor is how long a database may be locked by others before reading gives up. A server holds
// its lock for the time of one commit; a migration or VACUUM may take longer.
const lockedFor = time.Minute

// retry calls f until it succeeds, fails for good, or the database was locked for too long. f
// starts anew each time.
func retry(ctx context.Context, transient func(error) bool, f func() error) error {
	start := time.Now()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := f()
		if err == nil || !transient(err) || ctx.Err() != nil {
			return err
		}
		if time.Since(start) > lockedFor {
			return fmt.Errorf("locked by another process for more than %v: %w", lockedFor, err)
		}
		timer := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}
