// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"net/http"

	"github.com/databricks/databricks-sdk-go/service/ml"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// CreateExperimentRequest is the body that creates an experiment; with a location its traces lie in
// Unity Catalog.
func CreateExperimentRequest(name string, at *unity.Location) ml.CreateExperiment {
	request := ml.CreateExperiment{Name: name}
	if at != nil {
		request.TraceLocation = &ml.ExperimentTraceLocation{UcTraceLocation: &ml.UcTraceLocation{Catalog: at.Catalog,
			Schema: at.Schema, TablePrefix: at.Prefix}}
	}
	return request
}

// CreateExperiment creates an experiment and returns its id. A workspace that does not know trace
// locations may ignore the one in the request: look at what came of it.
func (c *Client) CreateExperiment(ctx context.Context, request ml.CreateExperiment) (string, error) {
	r, err := ml.NewExperiments(c.api).CreateExperiment(ctx, request)
	if err != nil {
		return "", explain(ctx, "creating the experiment "+request.Name, err)
	}
	return r.ExperimentId, nil
}

// Call is one request to a route that the SDK has no function for.
type Call struct {
	Method, Path string
	Body         any
}

// tablePrefix and tableSchema are a trace location in the two generations of requests.
type tablePrefix struct {
	Catalog     string `json:"catalog_name"`
	Schema      string `json:"schema_name"`
	Prefix      string `json:"table_prefix"`
	Spans       string `json:"spans_table_name,omitempty"`
	Logs        string `json:"logs_table_name,omitempty"`
	Annotations string `json:"annotations_table_name,omitempty"`
}

type tableSchema struct {
	Catalog string `json:"catalog_name"`
	Schema  string `json:"schema_name"`
	Spans   string `json:"otel_spans_table_name"`
	Logs    string `json:"otel_logs_table_name"`
}

// LocationCall makes the tables of a location, or finds those that are there. The warehouse may be
// empty in layout v2.
func LocationCall(at unity.Location, layout unity.Layout, warehouse string) Call {
	body := map[string]any{}
	if warehouse != "" {
		body["sql_warehouse_id"] = warehouse
	}
	if layout == unity.LayoutV1 {
		body["uc_schema"] = schemaOf(at)
		return Call{http.MethodPost, "/api/4.0/mlflow/traces/location", body}
	}
	body["uc_table_prefix"] = tablePrefix{Catalog: at.Catalog, Schema: at.Schema, Prefix: at.Prefix}
	return Call{http.MethodPost, "/api/5.0/mlflow/tracing/locations", body}
}

// LinkCall makes a location that of an experiment.
func LinkCall(experiment string, at unity.Location, layout unity.Layout) Call {
	if layout == unity.LayoutV1 {
		return Call{http.MethodPost, "/api/4.0/mlflow/traces/" + segment(experiment) + "/link-location", map[string]any{
			"experiment_id": experiment, "uc_schema": schemaOf(at),
		}}
	}
	return Call{http.MethodPost, "/api/5.0/mlflow/experiments/" + segment(experiment) + "/trace-location:link",
		map[string]any{
			"experiment_id": experiment, "uc_table_prefix": tablePrefix{
				Catalog: at.Catalog, Schema: at.Schema, Prefix: at.Prefix,
				Spans:       at.Table(unity.SignalSpans, layout).String(),
				Logs:        at.Table(unity.SignalLogs, layout).String(),
				Annotations: at.Table(unity.SignalAnnotations, layout).String(),
			},
		}}
}

// TagExperimentCall sets a tag of an experiment.
func TagExperimentCall(experiment, key, value string) Call {
	return Call{http.MethodPost, "/api/2.0/mlflow/experiments/set-experiment-tag",
		map[string]any{"experiment_id": experiment, "key": key, "value": value}}
}

func schemaOf(at unity.Location) tableSchema {
	return tableSchema{at.Catalog, at.Schema, at.Table(unity.SignalSpans, unity.LayoutV1).Table,
		at.Table(unity.SignalLogs, unity.LayoutV1).Table}
}

// Do sends a call whose answer holds nothing of interest. doing says what for, for errors.
func (c *Client) Do(ctx context.Context, call Call, doing string) error {
	var answer map[string]any
	return explain(ctx, doing, c.api.Do(ctx, call.Method, call.Path, headers(), nil, call.Body, &answer))
}

// HoldsTraces reports whether an experiment whose traces are MLflow's own has any.
func (c *Client) HoldsTraces(ctx context.Context, experiment string) (bool, error) {
	ask := map[string]any{
		"locations": []any{map[string]any{"type": "MLFLOW_EXPERIMENT",
			"mlflow_experiment": map[string]any{"experiment_id": experiment}}},
		"max_results": 1,
	}
	var answer struct {
		Traces []map[string]any `json:"traces"`
		Next   string           `json:"next_page_token"`
	}
	err := c.api.Do(ctx, http.MethodPost, "/api/3.0/mlflow/traces/search", headers(), nil, ask, &answer)
	return len(answer.Traces) > 0 || answer.Next != "",
		explain(ctx, "looking for traces in the experiment "+experiment, err)
}

func headers() map[string]string {
	return map[string]string{"Accept": "application/json", "Content-Type": "application/json"}
}
