// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/backfill"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/shard"
)

// decide says how the storage is used, and whether it is new.
func (r *mlflowReceiver) decide(ctx context.Context) (d shard.Decision, isNew bool, err error) {
	stored, isNew, err := backfill.Store{Client: r.store}.Claim(ctx)
	if err != nil {
		return d, false, err
	}
	imports := r.cfg.Shard.Import
	d, err = shard.Decide(stored, isNew, shard.Wanted{
		Shard: r.cfg.shard(), Import: len(imports) > 0 && !imports.none(), StartOver: imports.none(),
	})
	return d, isNew, err
}

// checkShard refuses a storage that holds the position of another shard, and folders that can't be imported.
func (r *mlflowReceiver) checkShard(ctx context.Context) error {
	if r.sink == nil && !r.cfg.shard().Whole() {
		r.set.Logger.Warn("There is no mlflow_report extension: no report says what this shard delivered, and " +
			"traces_per_second of databricks exporters is not divided by the number of shards")
	}
	d, _, err := r.decide(ctx)
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	if !d.Claim.Importing {
		return nil
	}
	former, err := r.openFormer(ctx)
	if err != nil {
		return err
	}
	return former.Close(ctx)
}

func (r *mlflowReceiver) openFormer(ctx context.Context) (backfill.Former, error) {
	former, err := backfill.OpenFormer(ctx, r.cfg.Shard.Import, r.set.ID, r.fingerprint(""))
	if err != nil {
		return nil, fmt.Errorf("shard::import: %w", err)
	}
	return former, nil
}

// takeStore returns the store of the position, after it has taken over what former shards delivered. isNew says
// that nothing is known of earlier runs.
func (r *mlflowReceiver) takeStore(ctx context.Context) (store backfill.Store, isNew bool, err error) {
	d, isNew, err := r.decide(ctx)
	if err != nil {
		return store, false, err
	}
	store = backfill.Store{Client: r.store, Source: r.fingerprint("")}.Of(d.Claim)
	if d.Write {
		if err := store.SetClaim(ctx, d.Claim); err != nil {
			return store, false, err
		}
	}
	if isNew {
		if err := store.Use(ctx); err != nil {
			return store, false, err
		}
	}
	if d.Claim.Generation == 0 { // generations came after versions that kept a position of each filter
		store, err = store.Adopt(ctx, r.fingerprint(r.cfg.Filter), func() ([]mlflow.Experiment, error) {
			return r.source.Experiments(ctx)
		})
		if err != nil {
			return store, false, err
		}
	}
	if !d.Claim.Importing {
		return store, isNew, nil
	}
	former, err := r.openFormer(ctx)
	if err != nil {
		return store, false, err
	}
	err = store.Import(ctx, former, r.cfg.shard(), time.Now().UnixMilli(), r.set.Logger)
	if err = errors.Join(err, former.Close(ctx)); err != nil {
		return store, false, fmt.Errorf("shard::import: %w", err)
	}
	d.Claim.Importing = false
	return store, false, store.SetClaim(ctx, d.Claim)
}
