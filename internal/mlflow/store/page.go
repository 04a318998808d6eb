// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// page reads the infos that match a condition and lie after the position, in the order of timestamps and
// of the bytes of ids. Databases order ids by rules of their own, and by bytes only after they have sorted
// all that is left. So they order by the timestamp alone, and ties are put in order here: a millisecond that
// goes on behind the page is left to the next one.
func (s *Store) page(ctx context.Context, where string, args []any, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	from := lowest(math.MinInt64, after)
	for halved := false; ; {
		infos, err := s.infos(ctx, where+" AND t.timestamp_ms >= ? ORDER BY t.timestamp_ms LIMIT ?",
			append(slices.Clone(args), from, limit+1), limit+1)
		if err != nil && limit > 1 && !halved && s.db.slow(err) {
			limit, halved = limit/2, true
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(infos) <= limit {
			return behind(infos, after), nil
		}
		last := infos[limit].Timestamp
		whole, _ := slices.BinarySearchFunc(infos, last, func(i mlflow.Info, t int64) int {
			return cmp.Compare(i.Timestamp, t)
		})
		if infos = behind(infos[:whole], after); len(infos) > 0 {
			return infos, nil
		}
		infos, err = s.tied(ctx, where, args, last, after, limit)
		if err != nil || len(infos) > 0 || last == math.MaxInt64 {
			return infos, err
		}
		from = last + 1
	}
}

// tied reads a page within a millisecond, which the database orders by the bytes of ids.
func (s *Store) tied(ctx context.Context, where string, args []any, at int64, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	id := s.d.bytes("t.request_id")
	where, args = where+" AND t.timestamp_ms = ?", append(slices.Clone(args), at)
	if at == after.Timestamp {
		where, args = where+" AND "+id+" > "+s.d.bytes("?"), append(args, after.ID)
	}
	infos, err := s.infos(ctx, where+" ORDER BY "+id+" LIMIT ?", append(args, limit), limit)
	return behind(infos, after), err
}

// behind puts infos in order and drops those up to a position.
func behind(infos []mlflow.Info, after mlflow.Position) []mlflow.Info {
	slices.SortFunc(infos, func(a, b mlflow.Info) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), strings.Compare(a.ID, b.ID))
	})
	first := slices.IndexFunc(infos, func(i mlflow.Info) bool {
		return after == (mlflow.Position{}) || after.Less(mlflow.Position{Timestamp: i.Timestamp, ID: i.ID})
	})
	if first < 0 {
		return nil
	}
	return infos[first:]
}

// infos reads what Infos returns of the traces that match a condition.
func (s *Store) infos(ctx context.Context, where string, args []any, limit int) ([]mlflow.Info, error) {
	var id, status text
	var experiment, timestamp, duration integer
	var infos []mlflow.Info
	q := query{
		text: "SELECT t.request_id, t.experiment_id, t.timestamp_ms, t.execution_time_ms, t.status " +
			"FROM trace_info t WHERE " + where,
		args: args, dest: []destination{&id, &experiment, &timestamp, &duration, &status},
	}
	err := s.rows(ctx, q, func() { infos = make([]mlflow.Info, 0, min(limit, 1000)) }, func() error {
		infos = append(infos, mlflow.Info{
			ID: strings.Clone(id.s), ExperimentID: strconv.FormatInt(experiment.n, 10),
			Timestamp: timestamp.n, Duration: duration.n,
			Untimed: duration.null, State: state(status.s),
		})
		return nil
	})
	return infos, err
}
