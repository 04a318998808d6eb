// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
)

// work is what the passes of a receiver have in common.
type work struct {
	settings backfill.Settings
	counters *progress.Counters
	// beganAgain says that the storage is new although an earlier run is known of; empty when it is not.
	beganAgain string
}

// begin prepares the passes: it tries the storage and fixes the start of the range.
func (r *mlflowReceiver) begin(ctx context.Context, report *progress.Run) (*work, error) {
	now := time.Now()
	w := &work{counters: &progress.Counters{}}
	if err := delivered.Probe(ctx, r.store); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	store, isNew, err := r.takeStore(ctx)
	if err != nil {
		return nil, err
	}
	if isNew && r.sink != nil && !r.cfg.inMemory() {
		if earlier, ok := r.sink.Earlier(r.set.ID, report.Source); ok {
			w.beganAgain = fmt.Sprintf(
				"the storage is new, so this run begins again; %s tells of a run that ended %s, with %d traces so far",
				earlier.Report, earlier.Ended.Format(time.RFC3339), earlier.Accepted)
			r.set.Logger.Warn("The storage holds no position although a report tells of an earlier run: everything "+
				"is delivered again",
				zap.String("report", earlier.Report), zap.Time("ended", earlier.Ended),
				zap.Int64("traces", earlier.Accepted))
		}
	}
	from := r.cfg.StartTime.Millis(now)
	switch {
	case r.cfg.StartTime.IsRelative():
		from, err = store.FixStart(ctx, r.cfg.StartTime.String(), from)
	case r.cfg.StartTime.IsZero() && r.cfg.Mode == ModeTail:
		from, err = store.FixStart(ctx, string(ModeTail), now.UnixMilli())
	}
	if err != nil {
		return nil, err
	}
	converter := genai.NewConverter(genai.Options{Payloads: r.cfg.Payloads, CaptureContent: r.cfg.CaptureContent})
	r.tel.watch(w.counters)
	skip := r.logSkipped
	if r.sink != nil {
		skip = r.sink.Skip
	}
	w.settings = backfill.Settings{
		Source: r.source, Send: r.send(converter), Select: r.selectExperiments, From: from,
		Filter: r.cfg.Filter, List: r.list, Shard: r.cfg.shard(),
		PageSize: r.windowSize(), Workers: r.cfg.Concurrency + 1, Retry: r.cfg.RetryOnFailure,
		RejectAfter: r.cfg.RejectAfter, Ends: r.cfg.OnComplete == OnCompleteShutdown, GiveUpAfter: r.cfg.GiveUpAfter,
		RetrySkipped: r.cfg.RetrySkipped, UnfinishedAfter: r.cfg.UnfinishedAfter,
		Recheck: r.cfg.Recheck.Days(), RecheckAll: r.cfg.Recheck.All(), Rotate: r.cfg.Rotate,
		StartOver: r.cfg.OnReplaced == OnReplacedStartOver,
		Delivery: func() progress.Delivery {
			var now progress.Run
			r.delivers(&now)
			return now.Delivery
		},
		Held: r.held, SendOnce: r.sendOnce, LateChanges: r.lateChanges(converter),
		Store: store, Aggregates: &backfill.Aggregates{Texts: r.examples()}, Counters: w.counters, Skip: skip,
		Receiver: r.set.ID.String(), Observer: r.tel, Now: time.Now, Log: r.set.Logger, Status: r.status,
	}
	return w, nil
}

// examples reports whether the report shows texts of traces.
func (r *mlflowReceiver) examples() bool {
	return r.cfg.CaptureContent && r.sink != nil && r.sink.Examples()
}

// end is the end of the range: the one written, else now, at the beginning of the pass.
func (r *mlflowReceiver) end(now time.Time) int64 {
	if r.cfg.EndTime.IsZero() {
		return now.UnixMilli()
	}
	return r.cfg.EndTime.Millis(now)
}

// fingerprint identifies what positions belong to: the place that is read and the workspace. Credentials,
// the filter and the form of the output don't matter. Earlier versions had the filter in it, too.
func (r *mlflowReceiver) fingerprint(filter string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.about.Identity, r.cfg.Workspace, filter}, "\x00")))
	return hex.EncodeToString(sum[:8])
}
