// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

const (
	// maxPoints is how many days are asked for: servers cut their answer without a word, at 1,000 if
	// nothing is asked for.
	maxPoints = 10_000
	// lastTime is the last millisecond of the year 9999. Servers fail where a day lies behind it.
	lastTime = 253402300799999
)

// aggregate is a question to the aggregation route (3.9 on), which knows no search filter.
type aggregate struct {
	view, metric, kind string
	experiments        []string
	from, to           int64 // from <= timestamp of the trace < to, milliseconds; to 0: no upper bound
	daily              bool
}

// point is a part of an answer: the only one, or a day.
type point struct {
	Dimensions struct {
		Day string `json:"time_bucket"`
	} `json:"dimensions"`
	Values map[string]float64 `json:"values"`
}

// aggregate asks the aggregation route; of no experiments or no time there are no points. An error
// is mlflow.ErrUnsupported where the server has no such route, refuses the question, or has a store
// that can't count.
func (c *Client) aggregate(ctx context.Context, q aggregate) ([]point, error) {
	switch {
	case len(q.experiments) == 0 || q.to != 0 && q.to <= q.from:
		return nil, nil
	case c.dbx != nil:
		return nil, fmt.Errorf("%w: Databricks doesn't aggregate traces", mlflow.ErrUnsupported)
	case c.noMetrics.Load():
		return nil, fmt.Errorf("%w: servers before MLflow 3.9, and those that keep traces in files, don't aggregate "+
			"traces", mlflow.ErrUnsupported)
	}
	ask := map[string]any{
		"experiment_ids": q.experiments,
		"view_type":      q.view,
		"metric_name":    q.metric,
		"aggregations":   []any{map[string]string{"aggregation_type": q.kind}},
		"max_results":    maxPoints,
	}
	if q.from > 0 || q.daily {
		ask["start_time_ms"] = q.from
	}
	switch {
	case q.to != 0:
		ask["end_time_ms"] = q.to - 1 // inclusive there
	case q.daily:
		ask["end_time_ms"] = lastTime
	}
	if q.daily {
		ask["time_interval_seconds"] = mlflow.MillisPerDay / 1000
	}
	var answer struct {
		Points []point `json:"data_points"`
		Next   string  `json:"next_page_token"`
	}
	switch err := c.post(ctx, patient, routeMetrics, "/api/3.0/mlflow/traces/metrics", ask, &answer); {
	case c.lacks(ctx, err, &c.noMetrics):
		return c.aggregate(ctx, q)
	case disabled(err):
		c.noMetrics.Store(true)
		c.noEnd.Store(true) // it fails where the end of a trace is asked for
		return c.aggregate(ctx, q)
	case err != nil && ctx.Err() == nil && exists(err):
		return nil, fmt.Errorf("%w: %w", mlflow.ErrUnsupported, err)
	case err != nil:
		return nil, err
	}
	if len(answer.Points) >= maxPoints || answer.Next != "" {
		return nil, &Error{Kind: KindAnswer, Route: routeMetrics, Message: fmt.Sprintf(
			"the server counts traces on %d days and may have left out others; ask for a shorter time",
			len(answer.Points))}
	}
	return answer.Points, nil
}

// disabled reports whether the server says that its store, of files, can't do this.
func disabled(err error) bool {
	e, ok := asError(err)
	return ok && e.Kind == KindServer && e.Code == "FEATURE_DISABLED"
}

// total is the answer to a question for a single number.
func total(points []point) (n int64) {
	for _, p := range points {
		n += int64(p.Values["COUNT"])
	}
	return n
}

// Count implements mlflow.Source.
func (c *Client) Count(ctx context.Context, r mlflow.Range) (int64, error) {
	if r.Filter != "" {
		return -1, nil
	}
	points, err := c.aggregate(ctx, aggregate{view: "TRACES", metric: "trace_count", kind: "COUNT",
		experiments: []string{r.ExperimentID}, from: r.From, to: r.To})
	if unsupported(err) {
		return -1, nil
	}
	return total(points), err
}

// SpanCount implements mlflow.Source: on 3.9 and later.
func (c *Client) SpanCount(ctx context.Context, experiments []string, from, to int64) (int64, error) {
	points, err := c.aggregate(ctx, aggregate{view: "SPANS", metric: "span_count", kind: "COUNT",
		experiments: experiments, from: from, to: to})
	return total(points), err
}

// Daily implements mlflow.Source: on 3.9 and later. Servers have no sum of durations, so their mean
// is asked for.
func (c *Client) Daily(ctx context.Context, experiments []string, from, to int64) (map[mlflow.Day]mlflow.DayCounts,
	error) {
	days := map[mlflow.Day]mlflow.DayCounts{}
	q := aggregate{view: "TRACES", metric: "trace_count", kind: "COUNT", experiments: experiments, from: from, to: to,
		daily: true}
	counts, err := c.aggregate(ctx, q)
	if err != nil || len(counts) == 0 {
		return days, err
	}
	q.metric, q.kind = "latency", "AVG"
	means, err := c.aggregate(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, p := range counts {
		day, err := p.day()
		if err != nil {
			return nil, err
		}
		days[day] = mlflow.DayCounts{Counts: mlflow.Counts{Traces: int64(p.Values["COUNT"])}}
	}
	for _, p := range means {
		day, err := p.day()
		if err != nil {
			return nil, err
		}
		if d, ok := days[day]; ok { // a day may have got its first trace meanwhile
			d.ByMean, d.Mean = true, p.Values["AVG"]
			d.Duration = int64(math.Round(d.Mean * float64(d.Traces)))
			days[day] = d
		}
	}
	return days, nil
}

// day is the day that the point is of.
func (p *point) day() (mlflow.Day, error) {
	t, err := time.Parse(time.RFC3339, p.Dimensions.Day)
	day := mlflow.DayOf(t.UnixMilli())
	if err != nil || !day.Time().Equal(t) {
		return 0, &Error{Kind: KindAnswer, Route: routeMetrics, Message: fmt.Sprintf(
			"the server counts traces by %q, which is no day in UTC", bounded(p.Dimensions.Day, 40))}
	}
	return day, nil
}
