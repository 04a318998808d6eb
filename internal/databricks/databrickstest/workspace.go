// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databrickstest is a fake Databricks workspace: the routes that exporters, setup and
// readers use, over real HTTP, faithful to what is documented and to what official clients were
// seen to send. Where the truth is not known the behavior can be chosen (Switches, Outcome,
// Fault). It needs no testing.T.
//
// Below internal, imports go in one direction: server, catalog, then oauth, otlp, warehouse and
// monitor, then mlflow. SQL is recognized and not executed: see package warehouse.
package databrickstest

import (
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/monitor"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/oauth"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/otlp"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/warehouse"
)

// Names and secrets that every fake workspace has.
const (
	Admin       = server.Admin
	AdminToken  = server.AdminToken
	WorkspaceID = server.WorkspaceID
	MetastoreID = server.MetastoreID
	Region      = server.Region
	// WarehouseID is a SQL warehouse that is running.
	WarehouseID = "wh123"
)

// What the methods of Workspace take and return.
type (
	Switches        = server.Switches
	Fault           = server.Fault
	Request         = server.Request
	Principal       = server.Principal
	Row             = catalog.Row
	Column          = catalog.Column
	Table           = catalog.Table
	Outcome         = otlp.Outcome
	Ingested        = otlp.Ingested
	Warehouse       = warehouse.Warehouse
	Statement       = warehouse.Statement
	Experiment      = mlflow.Experiment
	MLflowSwitches  = mlflow.MLflowSwitches
	Monitor         = monitor.Monitor
	MonitorSwitches = monitor.MonitorSwitches
	ExistsStyle     = monitor.ExistsStyle
)

// Outcomes that tests ask for most.
var (
	Take       = otlp.Take
	SilentDrop = otlp.SilentDrop
	Ambiguous  = otlp.Ambiguous
	Refuse     = otlp.Refuse
	Throttle   = otlp.Throttle
	Partly     = otlp.Partly
	Edge       = otlp.Edge
)

// Tags by which an experiment says where its traces lie.
const (
	TagDestinationPath = mlflow.TagDestinationPath
	TagDestinationID   = mlflow.TagDestinationID
	TagSpansTable      = mlflow.TagSpansTable
)

// Ways of saying that a monitor exists.
var (
	ExistsBadRequest = monitor.ExistsBadRequest
	ExistsConflict   = monitor.ExistsConflict
	ExistsText       = monitor.ExistsText
)

// DefaultSwitches is a workspace that takes everything that any source says is taken, without
// limits.
func DefaultSwitches() Switches { return server.DefaultSwitches() }

// Options says how a workspace starts; the zero value is fine.
type Options struct {
	// Address to listen on, 127.0.0.1:0 if empty. Addresses that are not loopback are refused.
	Address string
	// Clock is the workspace's time; nil means time.Now.
	Clock func() time.Time
	// Switches are the choices to start with; nil means DefaultSwitches().
	Switches *Switches
}

// Workspace is one fake workspace. Its methods, those of its parts, may be called while it serves.
type Workspace struct {
	*server.Server
	*catalog.Catalog
	*otlp.Ingest
	*warehouse.SQL
	*mlflow.MLflow
	*monitor.Monitors

	once sync.Once
}

// New starts a workspace on loopback. It takes at most one Options. It panics where Start has an
// error.
func New(options ...Options) *Workspace {
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	w, err := Start(o)
	if err != nil {
		panic("databrickstest: " + err.Error())
	}
	return w
}

// Start starts a workspace. An address that is not loopback, or taken, is an error.
func Start(o Options) (*Workspace, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	switches := DefaultSwitches()
	if o.Switches != nil {
		switches = *o.Switches
	}
	w := &Workspace{Server: server.New(o.Clock, switches)}
	w.Catalog = catalog.New(w.Server)
	oauth.Register(w.Catalog)
	w.Ingest = otlp.New(w.Catalog)
	w.SQL = warehouse.New(w.Catalog)
	w.MLflow = mlflow.New(w.SQL)
	w.Monitors = monitor.New(w.Catalog)
	w.SetWarehouse(Warehouse{ID: WarehouseID})
	if err := w.Listen(o.Address); err != nil {
		return nil, err
	}
	w.StartZerobus()
	return w, nil
}

// Close stops it. Requests that are held are let go.
func (w *Workspace) Close() {
	w.once.Do(func() {
		w.Server.Close()
		w.StopZerobus()
		w.CloseStorage()
	})
}
