// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import "time"

// giveUp is the clock of a run that ends when the destination refuses: no unit accepted for a time,
// and nothing but refusals seen in it. It is not safe for concurrent use.
type giveUp struct {
	after   time.Duration // 0: never
	since   time.Time     // of the last acceptance, and of everything else that is no refusal
	refused bool          // since then
	message string        // of the newest refusal
}

// refuse notes a refusal, with the destination's message.
func (g *giveUp) refuse(message string) { g.refused, g.message = true, message }

// other notes an acceptance, or a reason to wait that is no refusal: the clock begins again.
func (g *giveUp) other(now time.Time) {
	g.since, g.refused = now, false
}

// due reports whether the time is over.
func (g *giveUp) due(now time.Time) bool {
	return g.after > 0 && g.refused && now.Sub(g.since) >= g.after
}
