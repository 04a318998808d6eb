// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/ml"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Tags of experiments that say where their traces lie.
const (
	TagDestination = "mlflow.experiment.databricksTraceDestinationPath"
	TagSpans       = "mlflow.experiment.databricksTraceSpanStorageTable"
	TagLogs        = "mlflow.experiment.databricksTraceLogStorageTable"
	// TagMetrics is not set by MLflow, but by other tools of Databricks.
	TagMetrics = "mlflow.experiment.databricksTraceMetricStorageTable"
	// TagWarehouse names the warehouse with which MLflow reads traces out of Unity Catalog.
	TagWarehouse = "mlflow.monitoring.sqlWarehouseId"
)

// Experiment is an MLflow experiment of the workspace.
type Experiment struct {
	ID, Name string
	Deleted  bool
	Tags     map[string]string
	// Location is where its traces lie, if the workspace says so outside the tags; the zero value
	// otherwise.
	Location unity.Location
}

// SpansTable is the table that the experiment's spans lie in; false when it is not linked to one.
func (x Experiment) SpansTable() (unity.Name, bool) {
	if n, err := unity.ParseName(x.Tags[TagSpans]); err == nil {
		return n, true
	}
	if x.Location.Catalog != "" && x.Location.Prefix != "" {
		return x.Location.Table(unity.SignalSpans, unity.LayoutV2), true
	}
	if parts := strings.Split(x.Tags[TagDestination], "."); len(parts) == 3 {
		return unity.Location{Catalog: parts[0], Schema: parts[1], Prefix: parts[2]}.Table(unity.SignalSpans,
			unity.LayoutV2), true
	} else if len(parts) == 2 {
		return unity.Location{Catalog: parts[0], Schema: parts[1]}.Table(unity.SignalSpans, unity.LayoutV1), true
	}
	return unity.Name{}, false
}

// Experiment reads an experiment by its id.
func (c *Client) Experiment(ctx context.Context, id string) (Experiment, error) {
	r, err := ml.NewExperiments(c.api).GetExperiment(ctx, ml.GetExperimentRequest{ExperimentId: id})
	if err != nil {
		return Experiment{}, explain(ctx, "reading the experiment "+id, err)
	}
	return experiment(r.Experiment, "reading the experiment "+id)
}

// ExperimentByName reads an experiment by its name, which is its path in the workspace.
func (c *Client) ExperimentByName(ctx context.Context, name string) (Experiment, error) {
	r, err := ml.NewExperiments(c.api).GetByName(ctx, ml.GetByNameRequest{ExperimentName: name})
	if err != nil {
		return Experiment{}, explain(ctx, "reading the experiment "+name, err)
	}
	return experiment(r.Experiment, "reading the experiment "+name)
}

func experiment(e *ml.Experiment, doing string) (Experiment, error) {
	if e == nil {
		return Experiment{}, &Error{Kind: KindBadAnswer, Doing: doing, Message: "the answer holds no experiment"}
	}
	x := Experiment{ID: e.ExperimentId, Name: e.Name, Deleted: e.LifecycleStage == "deleted",
		Tags: make(map[string]string, len(e.Tags))}
	for _, t := range e.Tags {
		x.Tags[t.Key] = t.Value
	}
	if l := e.TraceLocation; l != nil && l.UcTraceLocation != nil {
		uc := l.UcTraceLocation
		x.Location = unity.Location{Catalog: uc.Catalog, Schema: uc.Schema, Prefix: uc.EffectiveTablePrefix}
		if x.Location.Prefix == "" {
			x.Location.Prefix = uc.TablePrefix
		}
	}
	return x, nil
}
