// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// Why data is not delivered is told by one word, whichever way its retries end; the metric says
// whether the sender still has it.
func TestReasons(t *testing.T) {
	busy := func(w *databrickstest.Workspace) { w.SetOutcome(spansTable, databrickstest.Refuse(503)) }
	refused := func(w *databrickstest.Workspace) { w.SetOutcome(spansTable, databrickstest.Refuse(400)) }
	revoked := func(w *databrickstest.Workspace) { w.Revoke(writer, spansTable) }
	slowly := func(c *Config) { c.Retry.InitialInterval, c.Retry.MaxInterval = time.Hour, time.Hour }
	for name, c := range map[string]struct {
		arrange  func(*databrickstest.Workspace)
		config   func(*Config)
		deadline time.Duration // of the producer; 0: none
		cancel   bool          // by the producer, once data waits
		stop     bool          // a shutdown, once data waits
		reason   string
	}{
		"max_elapsed_time": {
			arrange: busy, config: func(c *Config) { c.Retry.MaxElapsedTime = 50 * time.Millisecond },
			reason: "retries_exhausted",
		},
		"max_elapsed_time of a producer with a deadline": {
			arrange: busy, config: func(c *Config) { c.Retry.MaxElapsedTime = 50 * time.Millisecond },
			deadline: time.Hour,
			reason:   "retries_exhausted",
		},
		"no time for the wait that the workspace asks for": {
			arrange: func(w *databrickstest.Workspace) { w.SetOutcome(spansTable, databrickstest.Throttle("60")) },
			config:  func(c *Config) { c.Retry.MaxElapsedTime = time.Minute }, reason: "retries_exhausted",
		},
		"no retries": {
			arrange: busy, config: func(c *Config) { c.Retry.Enabled = false }, reason: "retries_exhausted",
		},
		"no retries of a producer with a deadline": {
			arrange: busy, config: func(c *Config) { c.Retry.Enabled = false }, deadline: time.Hour,
			reason: "retries_exhausted",
		},
		"a deadline before the next attempt": {arrange: busy, config: slowly, deadline: time.Minute,
			reason: "canceled"},
		"a deadline that ends":        {arrange: busy, deadline: 50 * time.Millisecond, reason: "canceled"},
		"a producer that goes away":   {arrange: revoked, cancel: true, reason: "canceled"},
		"a shutdown while held":       {arrange: revoked, stop: true, reason: "shutdown"},
		"a shutdown between attempts": {arrange: busy, config: slowly, stop: true, reason: "shutdown"},
		"a shutdown, with a deadline": {arrange: revoked, deadline: time.Hour, stop: true, reason: "shutdown"},
		"a refusal":                   {arrange: refused, reason: "invalid"},
		"a hold that is too long": {
			arrange: revoked, config: func(c *Config) { c.HoldMax = time.Millisecond }, reason: "held_too_long",
		},
	} {
		for metric, waits := range map[string]bool{"returned": true, "rejected": false} {
			if !waits && (c.deadline > 0 || c.cancel) {
				continue // a queue in memory does not know its producers' time
			}
			t.Run(name+"/"+metric, func(t *testing.T) {
				t.Parallel()
				w := workspace(t)
				c.arrange(w)
				cfg := configure(w)
				if c.config != nil {
					c.config(cfg)
				}
				cfg.Queue.Get().WaitForResult = waits
				if cfg.HoldMax > 0 {
					cfg.DeadLetter = filepath.Join(t.TempDir(), "dead.jsonl")
					metric = "rejected" // it goes to the file in both cases
				}
				counted := counting(t)
				r := startOn(t, cfg, counted.settings(), newHost())
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				done := r.send(ctx, spans("1", 0, 1, 3))
				if c.stop || c.cancel {
					eventually(t, func() bool { return r.host.destination(spansTable).Held != "" }, "data waits")
				}
				if c.cancel {
					cancel()
				}
				if c.stop {
					require.NoError(t, r.Shutdown(t.Context()))
				}
				_ = within(t, done)
				eventually(t, func() bool {
					return counted.sum("otelcol_exporter_databricks_"+metric, "reason", c.reason) == 3
				}, "counted")
				require.EqualValues(t, 3, counted.sum("otelcol_exporter_databricks_returned")+
					counted.sum("otelcol_exporter_databricks_rejected"), "once, and for no other reason")
			})
		}
	}
}
