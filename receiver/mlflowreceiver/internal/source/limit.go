// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"cmp"
	"context"

	"golang.org/x/time/rate"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Limit returns a source that reads the spans of at most so many traces per second, over all calls together. What is
// asked for at once is at most what a second may read, so that the source is asked evenly.
func Limit(s mlflow.Source, tracesPerSecond float64) mlflow.Source {
	part := max(1, int(min(tracesPerSecond, mostAtOnce)))
	return &limited{Source: s, limiter: rate.NewLimiter(rate.Limit(tracesPerSecond), part), part: part}
}

// mostAtOnce is the largest number of traces that a store reads in one transaction.
const mostAtOnce = 500

type limited struct {
	mlflow.Source
	limiter *rate.Limiter
	part    int // traces that are asked for at once
}

// Traces implements mlflow.Source.
func (l *limited) Traces(ctx context.Context, infos []mlflow.Info,
	yield func(int, *mlflow.Trace, *mlflow.Skip) error) error {
	for base := 0; base < len(infos); base += l.part {
		part := infos[base:min(base+l.part, len(infos))]
		if err := l.limiter.WaitN(ctx, len(part)); err != nil {
			return cmp.Or(context.Cause(ctx), err) // there is no cause yet where a deadline would come first
		}
		err := l.Source.Traces(ctx, part, func(i int, t *mlflow.Trace, skip *mlflow.Skip) error {
			return yield(base+i, t, skip)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
