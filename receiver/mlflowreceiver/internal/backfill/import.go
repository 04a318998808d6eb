// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/storagefile"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/reconcile"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/shard"
)

// Former are the stores of all shards that shared a backfill before. They are only read.
type Former []formerStore

// formerStore is the store of one of them.
type formerStore struct {
	Store
	folder string
	reader *storagefile.Reader
	shard  progress.Shard
}

// OpenFormer opens the stores of former shards in folders of file_storage. receiver is the id of the receiver,
// source what the Source of a Store is. The error names the folder that is missing, in use or not what it
// must be.
func OpenFormer(ctx context.Context, folders []string, receiver component.ID, source string) (Former, error) {
	var all Former
	for _, folder := range folders {
		f, err := openFormer(ctx, folder, receiver, source)
		if err != nil {
			return nil, errors.Join(err, all.Close(ctx))
		}
		all = append(all, f)
	}
	if err := all.check(); err != nil {
		return nil, errors.Join(err, all.Close(ctx))
	}
	return all, nil
}

func openFormer(ctx context.Context, folder string, receiver component.ID, source string) (formerStore, error) {
	reader, err := storagefile.OpenReceiver(folder, receiver)
	if err != nil {
		return formerStore{}, err
	}
	s := Store{Client: reader, Source: source}
	claim, _, err := s.Claim(ctx)
	if err == nil && claim.Importing {
		err = errors.New("its own import did not come to its end")
	}
	if err != nil {
		return formerStore{}, errors.Join(fmt.Errorf("%s: %w", folder, err), reader.Close(ctx))
	}
	return formerStore{s.Of(claim), folder, reader, claim.Shard}, nil
}

// check requires that the stores are those of all shards of one backfill.
func (f Former) check() error {
	count := max(f[0].shard.Count, 1)
	folders := make([]string, count)
	for _, s := range f {
		if n := max(s.shard.Count, 1); n != count {
			return fmt.Errorf("%s holds the position of %s, %s that of %s; name the folders of one backfill",
				f[0].folder, f[0].shard, s.folder, s.shard)
		}
		if other := folders[s.shard.Index]; other != "" {
			return fmt.Errorf("%s and %s both hold the position of %s; name each folder once", other, s.folder, s.shard)
		}
		folders[s.shard.Index] = s.folder
	}
	for index, folder := range folders {
		if folder == "" {
			return fmt.Errorf("the folder of %s is missing; its traces would be delivered again",
				progress.Shard{Index: index, Count: count})
		}
	}
	return nil
}

// Close gives the files back.
func (f Former) Close(ctx context.Context) error {
	var errs []error
	for _, s := range f {
		errs = append(errs, s.reader.Close(ctx))
	}
	return errors.Join(errs...)
}

// Import copies the records of the windows that a shard owns now. What is in the store already is replaced, so
// that an import which was cut off can be made again. Sums over delivered traces are not copied: they can't
// be divided by windows. now is the time in Unix milliseconds.
func (s Store) Import(ctx context.Context, from Former, now progress.Shard, at int64, log *zap.Logger) error {
	experiments, err := from.experiments()
	if err != nil {
		return err
	}
	if len(experiments) == 0 {
		return errors.New("the folders hold no position of this source; its place and workspace must be the same as " +
			"before")
	}
	var accepted int64
	for _, id := range experiments {
		i := experimentImport{Store: s, id: id, now: at, owned: shard.Owned(now, id), open: newOpenTraces(nil)}
		for _, f := range from {
			if err := i.add(ctx, f); err != nil {
				return fmt.Errorf("%s: experiment %s: %w", f.folder, id, err)
			}
		}
		if err := i.end(ctx); err != nil {
			return err
		}
		for _, d := range i.damage {
			log.Error("A record of a former shard is damaged; its days are listed again and some traces are delivered "+
				"again",
				zap.String("experiment_id", id), zap.String("record", d.Key), zap.Error(d.Err))
		}
		accepted += i.record.Totals.Accepted
	}
	if err := s.importStarts(ctx, from); err != nil {
		return err
	}
	log.Info("The positions of former shards were imported", zap.Stringer("shard", now), zap.Int("folders", len(from)),
		zap.Int("experiments", len(experiments)), zap.Int64("delivered_traces", accepted))
	return nil
}

// experiments are those of which any store has a position, in order.
func (f Former) experiments() (ids []string, err error) {
	for _, s := range f {
		prefix := s.key(positionKind, "")
		keys, err := s.reader.Keys(prefix)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			ids = append(ids, strings.TrimPrefix(k, prefix))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// importStarts copies the starts of relative ranges: of several the earliest one.
func (s Store) importStarts(ctx context.Context, from Former) error {
	for _, f := range from {
		prefix := f.key(startKind, "")
		keys, err := f.reader.Keys(prefix)
		if err != nil {
			return err
		}
		for _, k := range keys {
			written := strings.TrimPrefix(k, prefix)
			at, err := f.FixStart(ctx, written, 0)
			if err != nil {
				return fmt.Errorf("%s: %w", f.folder, err)
			}
			was, err := s.FixStart(ctx, written, at)
			if err == nil && at < was {
				err = s.Client.Set(ctx, s.key(startKind, written), strconv.AppendInt(nil, at, 10))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// experimentImport collects what former shards know of an experiment.
type experimentImport struct {
	Store
	id     string
	now    int64
	owned  func(mlflow.Day) bool // nil: all
	set    *delivered.Set
	record progress.Record
	open   openTraces
	// telling are traces of which a former shard may have told something without noting it.
	telling []string
	damage  []delivered.Damage
}

// add takes over what a store knows of windows that are owned now. Its traces have been counted by experiment:
// those of the windows get their share of the sums by the number of delivered ones.
func (i *experimentImport) add(ctx context.Context, f formerStore) error {
	rec, telling, err := f.Load(ctx, i.id)
	switch {
	case err != nil:
		return err
	case rec.Older || len(rec.Covered) > 0:
		return errors.New("its position is of an older format; let a run of the former shard come to its end first")
	case i.record.Identity.Differs(rec.Identity):
		return fmt.Errorf("it is %s, in another folder %s", rec.Identity, i.record.Identity)
	case i.set != nil && i.record.Filter != rec.Filter:
		return errors.New("it was read with another filter than in the folders before it")
	}
	i.telling, i.record.Filter = append(i.telling, telling...), rec.Filter
	set, err := delivered.Open(ctx, f.Client, f.set(i.id, rec.Generation), i.now)
	if err != nil {
		return err
	}
	if i.set == nil {
		if i.set, err = delivered.Open(ctx, i.Client, i.Store.set(i.id, 0), i.now); err != nil {
			return err
		}
	}
	former := shard.Owned(f.shard, i.id)
	keep := func(d mlflow.Day) bool { return (former == nil || former(d)) && (i.owned == nil || i.owned(d)) }
	days, err := i.set.Import(ctx, set, keep, func(c *delivered.Changes) error {
		return i.Client.Batch(ctx, c.Operations()...)
	})
	if err != nil {
		return err
	}
	all, err := set.Days(ctx)
	if err != nil {
		return err
	}
	i.damage = append(i.damage, set.Damage()...)
	totals := share(rec.Totals, days, all)
	for _, page := range rec.Open {
		traces, err := f.LoadOpen(ctx, i.id, page)
		if err != nil {
			return err
		}
		for _, t := range traces {
			if keep(mlflow.Day(t.Day)) {
				i.open.put(t)
				totals.Read++
				totals.Leave(t.Reason, 1)
			}
		}
	}
	to := &i.record
	to.Totals.Add(totals)
	if to.Identity == (progress.Identity{}) {
		to.Identity = rec.Identity
	}
	if since := cmp.Or(rec.LastRun, rec.Begun); to.LastRun == 0 || since > 0 && since < to.LastRun {
		to.LastRun = since
	}
	to.Last = reconcile.Anchors(to.Last).Add(rec.Last...)
	if totals.Accepted > 0 {
		to.Delivery = progress.Weakest(to.Delivery, rec.Delivery)
	}
	return nil
}

// share are the accepted traces of some days of a record, with their part of its spans. First and Last are
// exact only where they lie in these days.
func share(t progress.Totals, days, all []delivered.Day) progress.Totals {
	sum := func(list []delivered.Day) (n int64) {
		for i := range list {
			n += list[i].Delivered
		}
		return n
	}
	part := sum(days)
	if part == 0 {
		return progress.Totals{}
	}
	of := max(sum(all), part)
	accepted := int64(float64(t.Accepted)*float64(part)/float64(of) + 0.5)
	out := progress.Totals{Read: accepted, Accepted: accepted,
		Spans: int64(float64(t.Spans)*float64(part)/float64(of) + 0.5)}
	for i := range days {
		if d := &days[i]; d.Delivered > 0 {
			out.Saw(max(d.Date.Start(), t.First))
			out.Saw(min(d.Date.Start()+mlflow.MillisPerDay-1, t.Last))
		}
	}
	return out
}

// end writes the open traces and the record.
func (i *experimentImport) end(ctx context.Context) error {
	ops := i.open.ops(func(page int) string { return i.Store.open(i.id, page) })
	i.record.Open = i.open.stored
	ops = append(ops, storage.SetOperation(i.position(i.id), i.record.Encode()))
	if len(i.telling) > 0 {
		slices.Sort(i.telling)
		ids := progress.EncodeTelling(slices.Compact(i.telling))
		ops = append(ops, storage.SetOperation(i.Store.telling(i.id), ids))
	}
	if err := i.Client.Batch(ctx, ops...); err != nil {
		return fmt.Errorf("writing the storage: %w", err)
	}
	return nil
}
