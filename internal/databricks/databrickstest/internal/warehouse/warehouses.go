// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package warehouse

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// Warehouse is a SQL warehouse.
type Warehouse struct {
	ID, Name string
	// State is STOPPED or RUNNING; empty means RUNNING.
	State string
	// StartsIn is how long starting takes, by the workspace's clock. A statement or a start request
	// starts a stopped one.
	StartsIn time.Duration
	// PendingAnswers and RunningAnswers are how often a statement is answered with PENDING and then
	// with RUNNING before it is done, once the warehouse runs.
	PendingAnswers, RunningAnswers int
	// Denied may not use it.
	Denied []string
}

// Instance is a warehouse in the state that it is in.
type Instance struct {
	Warehouse
	started time.Time // while it starts
}

// SetWarehouse makes or changes a warehouse.
func (w *SQL) SetWarehouse(h Warehouse) {
	if h.State == "" {
		h.State = "RUNNING"
	}
	if h.Name == "" {
		h.Name = h.ID
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.sql.warehouses[h.ID] = &Instance{Warehouse: h}
}

// WarehouseState is STOPPED, STARTING or RUNNING; empty if there is no such warehouse.
func (w *SQL) WarehouseState(id string) string {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if h := w.sql.warehouses[id]; h != nil {
		return h.StateAt(w.Now())
	}
	return ""
}

// StateAt brings a starting warehouse up when its time has come.
func (h *Instance) StateAt(now time.Time) string {
	if h.State == "STARTING" && !now.Before(h.started.Add(h.StartsIn)) {
		h.State = "RUNNING"
	}
	return h.State
}

// Start begins to start a stopped warehouse.
func (h *Instance) Start(now time.Time) {
	if h.State == "STOPPED" {
		h.State, h.started = "STARTING", now
	}
}

// routeWarehouses registers what MLflow's client asks of a warehouse before it searches in it.
func (w *SQL) routeWarehouses() {
	one := func(do func(*Instance) any) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			w.Mu.Lock()
			defer w.Mu.Unlock()
			h, f := w.Usable(server.Caller(r).Principal, r.PathValue("id"))
			if f != nil {
				f.Send(rw)
				return
			}
			server.Answer(rw, http.StatusOK, do(h))
		}
	}
	w.Handle("GET /api/2.0/sql/warehouses/{id}", one(func(h *Instance) any {
		return map[string]any{"id": h.ID, "name": h.Name, "state": h.StateAt(w.Now())}
	}))
	w.Handle("POST /api/2.0/sql/warehouses/{id}/start", one(func(h *Instance) any {
		h.Start(w.Now())
		return struct{}{}
	}))
}

// WarehouseByID finds a warehouse; nil if there is none. Under the lock.
func (w *SQL) WarehouseByID(id string) *Instance { return w.sql.warehouses[id] }

// Usable finds a warehouse that the principal may use. Under the lock.
func (w *SQL) Usable(who *server.Principal, id string) (*Instance, *server.Failure) {
	h := w.sql.warehouses[id]
	switch {
	case h == nil:
		return nil, server.Refusal(404, "RESOURCE_DOES_NOT_EXIST", fmt.Sprintf("SQL warehouse %s does not exist", id))
	case slices.Contains(h.Denied, who.Name):
		return nil, server.Refusal(403, "PERMISSION_DENIED",
			fmt.Sprintf("You do not have permission to use the SQL warehouse %s; CAN_USE is needed.", id))
	}
	return h, nil
}
