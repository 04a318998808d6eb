// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
)

// run looks at a destination, and again: soon where there is no connection, from time to time where
// something is wrong or unknown, and whenever it is refused.
func (c *Checker) run(d route.Destination, w *watch) {
	var pace pace
	for {
		before := c.Findings(d)
		now, ok := c.check(d, w)
		if !ok {
			return
		}
		c.tell(d, before, now)
		if !c.pause(w, pace.next(c.set, before, now)) {
			return
		}
	}
}

// pause waits until the next look is due, 0 meaning not before it is asked for; false means that
// the checker is shut down.
func (c *Checker) pause(w *watch, wait time.Duration) bool {
	least := time.NewTimer(c.set.MinInterval)
	defer least.Stop()
	var due <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-due:
		return true
	case <-c.ctx.Done():
		return false
	case <-w.nudge:
	}
	select {
	case <-least.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// check looks once and keeps what it finds; false means that the checker is shut down.
func (c *Checker) check(d route.Destination, w *watch) ([]Finding, bool) {
	select {
	case c.turn <- struct{}{}:
	case <-c.ctx.Done():
		return nil, false
	}
	defer func() { <-c.turn }()
	c.mu.Lock()
	refused := !w.refused.IsZero() &&
		time.Since(w.refused) < 2*c.set.RetryInterval // senders that go on being refused say so again meanwhile
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(c.ctx, c.set.Wait)
	defer cancel()
	now := Evaluate(d, c.collect(ctx, d, refused))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, false
	}
	w.findings = now
	if !w.known {
		w.known = true
		close(w.first)
	}
	return now, true
}

// tell logs what has changed.
func (c *Checker) tell(d route.Destination, before, now []Finding) {
	log := c.set.Logger.With(zap.String("table", d.String()))
	for _, f := range now {
		if slices.Contains(before, f) {
			continue
		}
		fields := []zap.Field{zap.String("check", string(f.Check))}
		if f.Remedy != "" {
			fields = append(fields, zap.String("remedy", f.Remedy))
		}
		if f.Statement != "" {
			fields = append(fields, zap.String("statement", f.Statement))
		}
		holds := f.Weight == WeightFault || f.Alone
		switch {
		case holds && c.set.OnFailure == OnFailureWarn:
			log.Warn("Preflight: "+f.Message+"; data is sent all the same, since on_failure is warn", fields...)
		case holds:
			log.Warn("Preflight: "+f.Message+"; data waits", fields...)
		case f.Weight == WeightUnknown:
			log.Warn("Preflight: "+f.Message+"; data is sent", fields...)
		default:
			log.Info("Preflight: "+f.Message, fields...)
		}
	}
	if faulty(before) && !faulty(now) {
		log.Info("Preflight: the fault is gone, data flows")
	}
	if now == nil && before == nil {
		log.Info("Preflight passed")
	}
}

// pace is how long a destination is left alone.
type pace struct{ last time.Duration }

// next is the time until the next look; 0 means until it is asked for. It doubles while nothing
// changes.
func (p *pace) next(set Settings, before, now []Finding) time.Duration {
	first, most := time.Duration(0), set.MaxRetryInterval
	for _, f := range now {
		switch {
		case f.Alone:
			first, most = set.ReconnectInterval, set.RetryInterval
		case f.Weight != WeightAdvice && first == 0:
			first = set.RetryInterval
		}
	}
	if first == 0 {
		p.last = 0
		return 0
	}
	if p.last == 0 || !slices.Equal(before, now) {
		p.last = first
	} else {
		p.last = min(p.last*2, most)
	}
	return p.last
}
