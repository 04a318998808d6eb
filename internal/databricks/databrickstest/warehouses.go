package databrickstest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Warehouse is a SQL warehouse.
type Warehouse struct {
	ID, Name string
	// State is STOPPED or RUNNING; empty means RUNNING.
	State string
	// StartsIn is how long starting takes, by the workspace's clock. A statement or a start request starts a stopped warehouse.
	StartsIn time.Duration
	// PendingAnswers and RunningAnswers are how often a statement is answered with PENDING and then with RUNNING before it is done, once the warehouse runs.
	PendingAnswers, RunningAnswers int
	// Denied may not use it.
	Denied []string
}

type warehouse struct {
	Warehouse
	started time.Time // while it starts
}

// SetWarehouse makes or changes a warehouse.
func (w *Workspace) SetWarehouse(h Warehouse) {
	if h.State == "" {
		h.State = "RUNNING"
	}
	if h.Name == "" {
		h.Name = h.ID
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sql.warehouses[h.ID] = &warehouse{Warehouse: h}
}

// WarehouseState is STOPPED, STARTING or RUNNING; empty if there is no such warehouse.
func (w *Workspace) WarehouseState(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h := w.sql.warehouses[id]; h != nil {
		return h.state(w.now())
	}
	return ""
}

// state brings a starting warehouse up when its time has come.
func (h *warehouse) state(now time.Time) string {
	if h.State == "STARTING" && !now.Before(h.started.Add(h.StartsIn)) {
		h.State = "RUNNING"
	}
	return h.State
}

func (h *warehouse) start(now time.Time) {
	if h.State == "STOPPED" {
		h.State, h.started = "STARTING", now
	}
}

func (h *warehouse) info(now time.Time) map[string]any {
	return map[string]any{"id": h.ID, "name": h.Name, "state": h.state(now), "cluster_size": "Small", "warehouse_type": "PRO",
		"enable_serverless_compute": true, "creator_name": Admin}
}

func (w *Workspace) routeWarehouses() {
	const api = "/api/2.0/sql/warehouses"
	w.handle("GET "+api, func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		out := []any{}
		for _, id := range sorted(w.sql.warehouses) {
			if h := w.sql.warehouses[id]; !slices.Contains(h.Denied, caller(r).Name) {
				out = append(out, h.info(w.now()))
			}
		}
		answer(rw, http.StatusOK, map[string]any{"warehouses": out})
	})
	one := func(do func(*warehouse) any) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			w.mu.Lock()
			defer w.mu.Unlock()
			h, f := w.usable(caller(r).Principal, r.PathValue("id"))
			if f != nil {
				f.send(rw)
				return
			}
			answer(rw, http.StatusOK, do(h))
		}
	}
	w.handle("GET "+api+"/{id}", one(func(h *warehouse) any { return h.info(w.now()) }))
	w.handle("POST "+api+"/{id}/start", one(func(h *warehouse) any {
		h.start(w.now())
		return struct{}{}
	}))
	w.handle("POST "+api+"/{id}/stop", one(func(h *warehouse) any {
		h.State = "STOPPED"
		return struct{}{}
	}))
}

// warehouseOf finds a warehouse; nil if there is none. Under the lock.
func (w *Workspace) warehouseOf(id string) *warehouse { return w.sql.warehouses[id] }

// usable finds a warehouse that the principal may use. Under the lock.
func (w *Workspace) usable(who *Principal, id string) (*warehouse, *failure) {
	h := w.sql.warehouses[id]
	switch {
	case h == nil:
		return nil, newFailure(404, "RESOURCE_DOES_NOT_EXIST", fmt.Sprintf("SQL warehouse %s does not exist", id))
	case slices.Contains(h.Denied, who.Name):
		return nil, newFailure(403, "PERMISSION_DENIED", fmt.Sprintf("You do not have permission to use the SQL warehouse %s; CAN_USE is needed.", id))
	}
	return h, nil
}
