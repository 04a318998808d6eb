// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/reconcile"
)

// countOwned asks the source for the traces of each day of each experiment and keeps those of the days
// that the shard owns. Experiments are asked for one by one: sums over several would hold days of other
// shards. The spans in a source's database are not compared: they can't be counted by day.
func (r *run) countOwned(pass int) error {
	for _, x := range r.readers {
		if pass > 0 && !x.complete {
			continue
		}
		days, err := r.Source.Daily(r.ctx, []string{x.exp.ID}, r.From, r.To)
		if errors.Is(err, mlflow.ErrUnsupported) {
			return r.probe(pass)
		}
		if err != nil {
			return err
		}
		maps.DeleteFunc(days, func(d mlflow.Day, _ mlflow.DayCounts) bool { return !x.owned(d) })
		x.counts = &reconcile.SourceCounts{Days: days, Durations: true}
	}
	return nil
}

// findFirst finds the day of the first trace of each experiment, where the source can't count by day: a
// shard would else ask for each of its days since 1970.
func (r *run) findFirst(pass int) error {
	if pass > 0 {
		return nil
	}
	for _, x := range r.readers {
		if x.owned == nil || x.counts != nil {
			continue
		}
		infos, err := r.Source.Infos(r.ctx,
			mlflow.Range{ExperimentID: x.exp.ID, From: r.From, To: r.To, Filter: r.Filter}, mlflow.Position{}, 1)
		if err != nil {
			return err
		}
		x.first = r.To
		if len(infos) > 0 {
			x.first = mlflow.DayOf(infos[0].Timestamp).Start()
		}
	}
	return nil
}

// ours leaves out the traces of days that other shards own.
func (x *reader) ours(infos []mlflow.Info) []mlflow.Info {
	if x.owned == nil {
		return infos
	}
	return slices.DeleteFunc(infos, func(i mlflow.Info) bool { return !x.owned(mlflow.DayOf(i.Timestamp)) })
}

// counted is how many traces the source counts in a range of a shard, if that is known.
func (x *reader) counted(of reconcile.TimeRange) (n int64, known bool) {
	if x.owned == nil || x.counts == nil {
		return 0, false
	}
	for d := mlflow.DayOf(of.From); d.Start() < of.To; d++ {
		n += x.counts.Days[d].Traces
	}
	return n, true
}

// page returns the next infos of a range, and nothing when all are listed. A shard lists day by day: as
// soon as it has as many traces as the source counts, it saves the request that would bring nothing. What
// appeared meanwhile differs when the source counts again.
func (x *reader) page(ctx context.Context, of reconcile.TimeRange) ([]mlflow.Info, error) {
	if x.counting && x.remaining == 0 {
		return nil, nil
	}
	r := x.run
	infos, err := r.Source.Infos(ctx,
		mlflow.Range{ExperimentID: x.exp.ID, From: of.From, To: of.To, Filter: r.Filter}, x.after, r.PageSize)
	x.remaining -= int64(len(infos))
	return infos, err
}
