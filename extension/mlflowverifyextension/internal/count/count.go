// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package count

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// Settings says what is counted.
type Settings struct {
	Config *Config
	// Statement runs a statement in the SQL warehouse.
	Statement func(ctx context.Context, warehouse, statement string) (databricks.Result, error)
	// Expected are how many traces should be there, by the id of their experiment. First and Last bound the starts of
	// these traces.
	Expected    map[string]int64
	First, Last time.Time
	Log         *zap.Logger
	// Sleep waits between two statements.
	Sleep func(context.Context, time.Duration) error
}

const (
	firstWait   = 5 * time.Second
	longestWait = time.Minute
	// slack widens the bounds on time, which only keep the warehouse from reading whole tables: more than any two
	// time zones are apart, and spans begin after their trace.
	slack = 48 * time.Hour
)

// Traces returns how many distinct traces of each experiment are there. It counts again until none is missing, or until
// Timeout is over: rows become visible only after some minutes.
func Traces(ctx context.Context, set Settings) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, set.Config.Timeout+longestWait)
	defer cancel()
	text, err := statement(set.Config, set.First, set.Last)
	if err != nil {
		return nil, err
	}
	for waited, wait := time.Duration(0), firstWait; ; wait = min(wait*3/2, longestWait) {
		counted, err := once(ctx, set, text)
		if err != nil && !databricks.Passes(err) {
			return nil, err
		}
		missing, left := set.missing(counted), set.Config.Timeout-waited
		if err == nil && missing == 0 || left <= 0 {
			return counted, err
		}
		wait := min(wait, left)
		set.Log.Info("Not all traces are visible at the destination yet; counting again",
			zap.Int64("missing", missing), zap.Duration("in", wait), zap.Error(err))
		if err := set.Sleep(ctx, wait); err != nil {
			return nil, err
		}
		waited += wait
	}
}

// missing is how many of the expected traces are not there.
func (s *Settings) missing(counted map[string]int64) (n int64) {
	for id, expected := range s.Expected {
		n += max(0, expected-counted[id])
	}
	return n
}

func once(ctx context.Context, set Settings, text string) (map[string]int64, error) {
	r, err := set.Statement(ctx, set.Config.WarehouseID, text)
	if err != nil {
		return nil, err
	}
	counted := map[string]int64{}
	for _, row := range r.Rows {
		if len(row) != 2 {
			return nil, fmt.Errorf("the warehouse answers with a row of %d values in place of 2", len(row))
		}
		n, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			return nil, errors.New("the warehouse answers with a count that is no number")
		}
		counted[row[0]] = n // rows without an experiment are of others
	}
	return counted, nil
}

// statement counts the traces of all tables together: a trace that lies in two of them counts once.
func statement(c *Config, first, last time.Time) (string, error) {
	parts := make([]string, len(c.Tables))
	low, high := max(first.Add(-slack).Unix(), 0), last.Add(slack).Unix()
	for i, name := range c.Tables {
		table, err := unity.ParseName(name)
		if err != nil {
			return "", err
		}
		get, time := "try_variant_get(%s, '$[\"%s\"]', 'string')",
			fmt.Sprintf("time >= timestamp_seconds(%d) AND time <= timestamp_seconds(%d)", low, high)
		if c.Layout == unity.LayoutV1 { // attributes are maps of text, and there is no column time
			get, time = "try_element_at(%s, '%s')", fmt.Sprintf(
				"start_time_unix_nano >= %d000000000 AND start_time_unix_nano <= %d000000000", low, high)
		}
		parts[i] = fmt.Sprintf("SELECT COALESCE(NULLIF(%s, ''), %s) AS experiment_id, trace_id FROM %s WHERE %s",
			fmt.Sprintf(get, "attributes", genai.ExperimentID), fmt.Sprintf(get, "resource.attributes",
				genai.ExperimentID), table.Quoted(), time)
	}
	return "SELECT experiment_id, count(DISTINCT trace_id) FROM (" + strings.Join(parts, " UNION ALL ") +
		") GROUP BY experiment_id", nil
}
