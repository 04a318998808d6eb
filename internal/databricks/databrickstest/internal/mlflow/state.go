// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package mlflow is the MLflow of the fake workspace. It keeps experiments, trace locations and
// traces, those in Unity Catalog and ordinary ones, and serves their routes.
package mlflow

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/warehouse"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// MLflowSwitches are the choices of the MLflow routes. Each stands for something that workspaces
// were seen or said to do, except where noted.
type MLflowSwitches struct {
	// NoTraceLocation: experiments can't be created with a trace_location; the field is ignored, as
	// by servers that don't know it.
	NoTraceLocation bool
	// NoLocationsV5 and NoLocationsV4 take the routes that create and link trace locations away:
	// ENDPOINT_NOT_FOUND.
	NoLocationsV5, NoLocationsV4 bool
	// IncompatibleTables refuses to create a location: the tables that are there don't fit.
	IncompatibleTables bool
	// UnfitWarehouse is the id of a SQL warehouse that can't create tables for the v4 routes.
	UnfitWarehouse string

	// NoSearchV4 takes the long-running search away: ENDPOINT_NOT_FOUND.
	NoSearchV4 bool
	// NoExperimentSearchV4: the long-running search refuses experiments (locations not yet
	// supported).
	NoExperimentSearchV4 bool
	// WarehouseRequired: requests for traces in Unity Catalog need a SQL warehouse.
	// WarehouseMessage is how a missing one is complained about; there are two on record.
	WarehouseRequired bool
	WarehouseMessage  string
	// RunningPolls is how many polls find a search still running; the first answer is RUNNING then,
	// too.
	RunningPolls int
	// FailSearches is how many of the next searches end as FAILED, with FailCode and FailMessage.
	FailSearches          int
	FailCode, FailMessage string
	// EmptyPages is how many pages without a trace come before each page with some; all have a
	// token.
	EmptyPages int
	// SearchesPerSecond and DownloadsPerSecond are the workspace's quotas; 0 means none. What is
	// over is answered with 429 and RetryAfter.
	SearchesPerSecond, DownloadsPerSecond int
	RetryAfter                            string

	// BatchSize is the largest number of ids that batchGet takes.
	BatchSize int
	// IntegersAsNumbers writes 64-bit integers of spans as JSON numbers in place of strings (not
	// known).
	IntegersAsNumbers bool

	// URLLife is how long signed URLs are valid, by the workspace's clock. ExpiredURLs is how many
	// of the next ones have expired when they are handed out.
	URLLife     time.Duration
	ExpiredURLs int
	// CredentialType is what signed URLs are: AWS_PRESIGNED_URL, GCP_SIGNED_URL, AZURE_SAS_URI.
	CredentialType string
	// URLHeaders must be sent along with signed URLs; the storage host refuses requests without
	// them.
	URLHeaders map[string]string
}

// Texts of a workspace that misses the SQL warehouse.
const (
	NoWarehouse      = "Could not resolve a SQL warehouse ID. Please provide one."
	WarehouseMissing = "Missing required field: sql_warehouse_id"
)

// Tags by which an experiment says where its traces lie.
const (
	TagDestinationPath  = "mlflow.experiment.databricksTraceDestinationPath"
	TagSpansTable       = "mlflow.experiment.databricksTraceSpanStorageTable"
	TagLogsTable        = "mlflow.experiment.databricksTraceLogStorageTable"
	TagAnnotationsTable = "mlflow.experiment.databricksTraceAnnotationsTable"
	TagDestinationID    = "mlflow.experiment.databricksTelemetryDestinationId"
	TagWarehouse        = "mlflow.monitoring.sqlWarehouseId"
)

// mlflowState is what the MLflow routes remember. Guarded by Workspace.mu.
type mlflowState struct {
	switches    MLflowSwitches
	experiments []*experiment // in the order of creation
	locations   []*traceLocation
	ordinary    []*ordinaryTrace // traces of ordinary experiments, in the order of creation
	operations  map[string]*operation
	runs        map[string]*run
	storage     storageHost
	odd         map[string]string // trace id → how it is spoilt: oddNull, oddNoSpans, oddAbsent
	searches    quota
	downloads   quota
}

// experiment is an MLflow experiment. location is nil for an ordinary one.
type experiment struct {
	id, name, artifacts string
	deleted             bool
	tags                map[string]string
	created             time.Time
	location            *traceLocation
}

// traceLocation is a place in Unity Catalog that traces lie in.
type traceLocation struct {
	unity.Location
	layout unity.Layout
	id     string
	posted map[string]*postedInfo // by trace id in hex
	legacy []catalog.StoredRow    // annotations in layout v1, which has no table for them
}

// postedInfo is what a client said about a trace and no row shows.
type postedInfo struct {
	start    time.Time
	duration string
	state    string
}

func newMLflowState() mlflowState {
	return mlflowState{
		switches: MLflowSwitches{
			WarehouseRequired: true, WarehouseMessage: NoWarehouse, FailCode: "INTERNAL_ERROR",
			FailMessage: "query failed",
			BatchSize:   10,
			URLLife:     15 * time.Minute, CredentialType: "AWS_PRESIGNED_URL", RetryAfter: "1",
		},
		operations: map[string]*operation{}, runs: map[string]*run{}, odd: map[string]string{},
	}
}

// MLflow are the MLflow routes.
type MLflow struct {
	*warehouse.SQL
	mlflow mlflowState
}

// SetMLflow changes the switches of the MLflow routes while the workspace serves.
func (w *MLflow) SetMLflow(change func(*MLflowSwitches)) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	change(&w.mlflow.switches)
}

// Ways in which a trace can be spoilt.
const (
	oddNull    = "null"
	oddNoSpans = "no spans"
	oddAbsent  = "absent"
)

// NullTrace makes reading the trace answer null in place of it; HideSpans makes it come back
// without spans, as large ones do; LoseTrace makes it vanish from what reads whole traces, while
// searches still find it. The id is the bare hex one, or that of an ordinary trace.
func (w *MLflow) NullTrace(id string) { w.spoil(id, oddNull) }

// HideSpans makes a trace answer without spans, see NullTrace.
func (w *MLflow) HideSpans(id string) { w.spoil(id, oddNoSpans) }

// LoseTrace makes a trace vanish from reads of whole traces, see NullTrace.
func (w *MLflow) LoseTrace(id string) { w.spoil(id, oddAbsent) }

func (w *MLflow) spoil(id, how string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.mlflow.odd[id] = how
}

// New registers the routes.
func New(s *warehouse.SQL) *MLflow {
	w := &MLflow{SQL: s, mlflow: newMLflowState()}
	w.routeExperiments()
	w.routeLocations()
	w.routeSearch()
	w.routeOrdinary()
	w.routeRuns()
	w.Handle("/api/4.0/mlflow/traces/", w.tracesV4)
	return w
}

// tracesV4 finds the route of a trace in Unity Catalog: ServeMux can't tell {location}/{id}/info
// from search/operations/{name}.
func (w *MLflow) tracesV4(rw http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/api/4.0/mlflow/traces/"), "/")
	for i := range parts {
		if plain, err := url.PathUnescape(parts[i]); err == nil {
			parts[i] = plain
		}
	}
	route := func(pattern string) bool {
		want := strings.Split(pattern, "/")
		method, first, _ := strings.Cut(want[0], " ")
		want[0] = first
		if r.Method != method || len(want) != len(parts) {
			return false
		}
		for i, p := range want {
			if name, ok := strings.CutPrefix(p, ":"); ok {
				r.SetPathValue(name, parts[i])
			} else if p != parts[i] {
				return false
			}
		}
		return true
	}
	switch {
	case route("POST location"):
		w.createLocationV4(rw, r)
	case route("POST search-long-running"):
		w.startSearch(rw, r)
	case route("GET search/operations/:name"):
		w.pollSearch(rw, r)
	case route("POST :experiment/link-location"):
		w.linkV4(rw, r)
	case route("GET :location/batchGet"):
		w.batchGet(rw, r)
	case route("GET :location/:id/info"):
		w.getInfo(rw, r)
	case route("POST :location/:id/info"):
		w.postInfo(rw, r)
	case route("PATCH :location/:id/tags"):
		w.setTag(rw, r)
	case route("DELETE :location/:id/tags/:key"):
		w.deleteTag(rw, r)
	case route("POST :location/:id/assessments"):
		w.createAssessment(rw, r)
	case route("GET :location/:id/assessments/:assessment"), route("PATCH :location/:id/assessments/:assessment"),
		route("DELETE :location/:id/assessments/:assessment"):
		w.oneAssessment(rw, r)
	default:
		server.NoEndpoint(rw, r)
	}
}

// without answers ENDPOINT_NOT_FOUND and returns true if the switch is set.
func (w *MLflow) without(rw http.ResponseWriter, r *http.Request, missing func(*MLflowSwitches) bool) bool {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if missing(&w.mlflow.switches) {
		server.NoEndpoint(rw, r)
		return true
	}
	return false
}

// quota counts requests in the second of the workspace's clock in which they come.
type quota struct {
	second int64
	used   int
}

// exceeded takes one from the quota and reports whether it was used up. Under the lock.
func (w *MLflow) exceeded(q *quota, limit int) *throttled {
	now := w.Now().Unix()
	if q.second != now {
		q.second, q.used = now, 0
	}
	q.used++
	if limit == 0 || q.used <= limit {
		return nil
	}
	return &throttled{w.mlflow.switches.RetryAfter}
}

// throttled is the answer to a request over the quota.
type throttled struct{ retryAfter string }

func (t *throttled) send(rw http.ResponseWriter) {
	if t.retryAfter != "" {
		rw.Header().Set("Retry-After", t.retryAfter)
	}
	server.Fail(rw, http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED", "Too many requests")
}
