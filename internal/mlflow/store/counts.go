// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// within returns the condition that selects the traces of the experiments with timestamps from <= t
// < to (to 0: no upper bound), and its parameters.
func within(experiments []string, from, to int64) (string, []any, error) {
	if to == 0 {
		to = math.MaxInt64 // a timestamp that is a text, which SQLite would let pass, lies behind it
	}
	args := make([]any, 0, len(experiments)+2)
	for _, id := range experiments {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return "", nil, fmt.Errorf("experiment id %q is not a number; ids of a store are", id)
		}
		args = append(args, n)
	}
	return "t.experiment_id IN (" + parameters(len(experiments)) + ") AND t.timestamp_ms >= ? AND t.timestamp_ms < ?",
		append(args, from, to), nil
}

// maxExperiments is how many experiments one query asks for; SQLite allows 32,766 parameters.
const maxExperiments = 10_000

// Daily implements mlflow.Source.
func (s *Store) Daily(ctx context.Context, experiments []string, from, to int64) (map[mlflow.Day]mlflow.DayCounts,
	error) {
	days := map[mlflow.Day]mlflow.DayCounts{}
	for part := range slices.Chunk(experiments, maxExperiments) {
		where, args, err := within(part, from, to)
		if err != nil {
			return nil, err
		}
		// The rows are added up here: SQLite would sort them by day once more.
		var timestamp, duration integer
		var found map[mlflow.Day]mlflow.Counts
		q := query{
			text: "SELECT t.timestamp_ms, t.execution_time_ms FROM trace_info t WHERE " + where,
			args: args, dest: []destination{&timestamp, &duration},
		}
		err = s.rows(ctx, q, func() { found = map[mlflow.Day]mlflow.Counts{} }, func() error {
			day := mlflow.DayOf(timestamp.n)
			c := found[day]
			c.Add(mlflow.Counts{Traces: 1, Duration: duration.n})
			found[day] = c
			return nil
		})
		if err != nil {
			return nil, err
		}
		for day, c := range found {
			d := days[day]
			d.Counts.Add(c)
			days[day] = d
		}
	}
	return days, nil
}

// SpanCount implements mlflow.Source: in stores since 3.4, which hold spans.
func (s *Store) SpanCount(ctx context.Context, experiments []string, from, to int64) (int64, error) {
	if !s.schema.hasSpans {
		return 0, fmt.Errorf("%w: the store holds no spans (%s)", mlflow.ErrUnsupported, s.schema.version())
	}
	var total int64
	for part := range slices.Chunk(experiments, maxExperiments) {
		n, err := s.spanCount(ctx, part, from, to)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// spanCount counts the spans of at most maxExperiments experiments. Looking up the spans of each trace
// takes ten times as long as counting those of an experiment. So where the range has no start, those of
// traces behind its end are taken from the whole.
func (s *Store) spanCount(ctx context.Context, experiments []string, from, to int64) (int64, error) {
	const joined = "SELECT count(*) FROM trace_info t JOIN spans s ON s.trace_id = t.request_id WHERE "
	where, args, err := within(experiments, from, to)
	if err != nil {
		return 0, err
	}
	if from > 0 {
		return s.number(ctx, joined+where, args)
	}
	ids, bounds := args[:len(experiments)], args[len(experiments):]
	in := "experiment_id IN (" + parameters(len(ids)) + ")"
	all, err := s.number(ctx, "SELECT count(*) FROM spans WHERE "+in, ids)
	if err != nil {
		return 0, err
	}
	outside := joined + "t." + in + " AND t.timestamp_ms "
	before, err := s.number(ctx, outside+"< ?", append(slices.Clone(ids), bounds[0]))
	if err != nil {
		return 0, err
	}
	behind, err := s.number(ctx, outside+">= ?", append(slices.Clone(ids), bounds[1]))
	return all - before - behind, err
}

// number runs a query for a single number.
func (s *Store) number(ctx context.Context, text string, args []any) (int64, error) {
	var n integer
	err := s.rows(ctx, query{text: text, args: args, dest: []destination{&n}}, func() {}, func() error { return nil })
	return n.n, err
}

// Count implements mlflow.Source; it is exact.
func (s *Store) Count(ctx context.Context, r mlflow.Range) (int64, error) {
	where, args, err := s.scope([]string{r.ExperimentID}, r)
	if err != nil {
		return 0, err
	}
	return s.number(ctx, "SELECT count(*) FROM trace_info t WHERE "+where, args)
}

// Exactly implements mlflow.Source.
func (s *Store) Exactly(ctx context.Context, r mlflow.Range, n int64) (bool, error) {
	have, err := s.Count(ctx, r)
	return have == n, err
}
