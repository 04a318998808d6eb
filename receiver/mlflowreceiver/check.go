// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/check"
)

// grants asks a database server what its user may read, for the report: a permission that is missing ends the check
// before it looks at traces.
func (r *mlflowReceiver) grants(ctx context.Context, report *progress.Run) error {
	grantor, ok := r.source.(mlflow.Grantor)
	if !ok {
		return nil
	}
	ctx, cancel := r.untilStop(ctx)
	defer cancel()
	grants, err := grantor.Grants(ctx)
	if err != nil {
		return err
	}
	report.Check = &progress.Findings{Grants: grants, Experiments: []progress.ExperimentFinding{}}
	var missing []string
	for _, g := range grants {
		if g.State == mlflow.GrantMissing {
			missing = append(missing, g.Statement)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: the user may not read everything that is needed; an administrator can grant it: %s",
			r.about.Location, strings.Join(missing, "; "))
	}
	return nil
}

func (r *mlflowReceiver) check(ctx context.Context, report *progress.Run) error {
	now := time.Now()
	ctx, cancel := r.untilStop(ctx)
	defer cancel()
	findings, err := check.Run(ctx, check.Settings{
		Source: r.source, Select: r.selectExperiments, From: r.cfg.StartTime.Millis(now), To: r.end(now),
		Filter: r.cfg.Filter,
	})
	if err != nil {
		return err
	}
	findings.Requests = r.tel.requests()
	if report.Check != nil {
		findings.Grants = report.Check.Grants
	}
	report.Check = findings
	var traces int64
	for i := range findings.Experiments {
		e := &findings.Experiments[i]
		traces += e.Traces
		for _, p := range e.Problems {
			report.Problems = append(report.Problems, fmt.Sprintf("experiment %s (%s): %s", e.Name, e.ID, p))
		}
	}
	report.Complete = len(report.Problems) == 0
	report.Headline = fmt.Sprintf("%s in %s", progress.Count(traces, "trace"),
		progress.Count(int64(len(findings.Experiments)), "experiment"))
	return nil
}
