// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package display takes snapshots of the progress of a run and shows them: on a terminal as one
// line that is overwritten, elsewhere as log records at intervals.
package display

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// How often the line is drawn, and how often a record is written at most.
const (
	redraw = 500 * time.Millisecond
	record = 10 * time.Second
)

// Progress is the state of a run as numbers.
type Progress struct {
	Done, Total int64 // traces settled, and in the range; Total is -1 when the source doesn't say
	Spans       int64
	Skipped     int64
	Rejected    int64
	Pending     int64
}

// Of sums up experiments.
func Of(experiments []progress.Experiment) Progress {
	var p Progress
	for i := range experiments {
		a := &experiments[i]
		p.Done += a.Run.Accepted + a.Run.SkippedSum() + a.Run.Rejected + a.Run.PendingSum()
		p.Spans += a.Run.Spans
		p.Skipped += a.Run.SkippedSum()
		p.Rejected += a.Run.Rejected
		p.Pending += a.Run.PendingSum()
		if a.SourceCount < 0 || p.Total < 0 {
			p.Total = -1
			continue
		}
		p.Total += max(a.SourceCount-a.Earlier.Read, a.Run.Read)
	}
	return p
}

// Line writes the progress after a time, for people.
func (p Progress) Line(elapsed time.Duration) string {
	rate := float64(p.Done) / max(elapsed.Seconds(), 1e-3)
	var b strings.Builder
	if p.Total > 0 {
		fmt.Fprintf(&b, "%d of %d traces (%d%%)", p.Done, p.Total, 100*p.Done/p.Total)
	} else {
		fmt.Fprintf(&b, "%d traces", p.Done)
	}
	fmt.Fprintf(&b, "  %d spans  %.0f/s", p.Spans, rate)
	if left, ok := p.Left(elapsed); ok {
		fmt.Fprintf(&b, "  %s left", left)
	}
	if p.Skipped > 0 {
		fmt.Fprintf(&b, "  skipped %d", p.Skipped)
	}
	if p.Rejected > 0 {
		fmt.Fprintf(&b, "  rejected %d", p.Rejected)
	}
	if p.Pending > 0 {
		fmt.Fprintf(&b, "  pending %d", p.Pending)
	}
	return b.String()
}

// Left estimates the time that is left, when the total is known and something was done.
func (p Progress) Left(elapsed time.Duration) (time.Duration, bool) {
	if p.Total <= 0 || p.Done == 0 || p.Done >= p.Total {
		return 0, false
	}
	return time.Duration(float64(elapsed) * float64(p.Total-p.Done) / float64(p.Done)).Round(time.Second), true
}

// Run shows progress until ctx ends. terminal is where the line is drawn, nil when there is none.
func Run(ctx context.Context, terminal io.Writer, log *zap.Logger, snapshot func() Progress) {
	begin := time.Now()
	every := record
	if terminal != nil {
		every = redraw
		defer fmt.Fprint(terminal, "\r\x1b[K")
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p, elapsed := snapshot(), time.Since(begin)
		if terminal != nil {
			fmt.Fprintf(terminal, "\r\x1b[K%s", p.Line(elapsed))
			continue
		}
		fields := []zap.Field{zap.Int64("traces", p.Done), zap.Int64("spans", p.Spans),
			zap.Float64("traces_per_second", float64(p.Done)/elapsed.Seconds()),
			zap.Int64("skipped", p.Skipped), zap.Int64("rejected", p.Rejected),
			zap.Int64("pending", p.Pending)}
		if p.Total > 0 {
			fields = append(fields, zap.Int64("of", p.Total), zap.Int64("percent", 100*p.Done/p.Total))
		}
		if left, ok := p.Left(elapsed); ok {
			fields = append(fields, zap.Duration("left", left))
		}
		log.Info("Progress", fields...)
	}
}

// Terminal returns standard error if it is a terminal, else standard output if that is one: the log may go to a file.
// It returns nil when neither is.
func Terminal() io.Writer { return terminal(os.Stderr, os.Stdout) }

// terminal returns the first of the files that is a character device other than the null device; nil for none.
func terminal(files ...*os.File) io.Writer {
	if os.Getenv("TERM") == "dumb" {
		return nil
	}
	null, _ := os.Stat(os.DevNull)
	for _, f := range files {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 && !os.SameFile(info, null) {
			return f
		}
	}
	return nil
}
