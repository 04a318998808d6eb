// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package grant takes the principals of the configuration and returns the step that grants them
// what they lack on the tables and views. A principal gets no more than its roles need. A group of
// all users gets grants only with all_users: true.
package grant

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/plan"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Everybody reports whether a principal is a group that all users of an account or workspace are
// in.
func Everybody(principal string) bool {
	switch strings.ToLower(strings.TrimSpace(principal)) {
	case "account users", "users", "all account users", "all workspace users":
		return true
	}
	return false
}

// Wanted is what one principal should be able to do.
type Wanted struct {
	Client    *databricks.Client
	Principal string
	// Write: to deliver spans, logs and metrics. Annotate: to write tags, feedback and expectations
	// with MLflow. Read: to read the views without content. Content: to read those of what was asked
	// and answered.
	Write, Annotate, Read, Content bool
	Location                       unity.Location
	Layout                         unity.Layout
	// ReadViews and ContentViews are those views.
	ReadViews, ContentViews []unity.Name
	// Expected reports whether a table or view that is not there is about to be made by an earlier
	// step.
	Expected func(unity.Name) bool
}

type need struct {
	on         databricks.Securable
	kind, name string
	privileges []string
	table      bool
	of         unity.Name
}

// needs of the principal, from the catalog down.
func (w *Wanted) needs() []need {
	at, schema := w.Location.Catalog, w.Location.Catalog+"."+w.Location.Schema
	list := []need{
		{databricks.OnCatalog(at), "catalog", at, []string{"USE_CATALOG"}, false, unity.Name{}},
		{databricks.OnSchema(at, w.Location.Schema), "schema", schema, []string{"USE_SCHEMA"}, false, unity.Name{}},
	}
	add := func(n unity.Name, privileges ...string) {
		list = append(list, need{databricks.OnTable(n), "table", n.String(), privileges, true, n})
	}
	if w.Write {
		for _, s := range []unity.Signal{unity.SignalSpans, unity.SignalLogs, unity.SignalMetrics} {
			// both by name: ALL PRIVILEGES is not enough to deliver
			add(w.Location.Table(s, w.Layout), "MODIFY", "SELECT")
		}
	}
	if w.Annotate {
		if !w.Write {
			add(w.Location.Table(unity.SignalSpans, w.Layout), "SELECT") // what is annotated must be seen
		}
		add(w.Location.Table(unity.SignalAnnotations, w.Layout), "MODIFY", "SELECT")
	}
	if w.Read {
		for _, n := range w.ReadViews {
			add(n, "SELECT")
		}
	}
	if w.Content {
		for _, n := range w.ContentViews {
			add(n, "SELECT")
		}
	}
	return list
}

// Step is the step that grants what is missing.
func (w *Wanted) Step() plan.Step {
	return plan.Step{Title: "Grants to " + w.Principal, Look: w.look, Undo: w.undo}
}

func (w *Wanted) look(ctx context.Context) (plan.Proposal, error) {
	p := plan.Proposal{State: plan.StateDone, Costs: []string{"nothing"}}
	for _, n := range w.needs() {
		have, err := w.have(ctx, &n)
		if databricks.KindOf(err) == databricks.KindNotFound && n.table && !w.Expected(n.of) {
			p.Notes = append(p.Notes,
				n.of.String()+" is not there, so nothing can be granted on it; run setup again once it is")
			continue
		}
		if err != nil && databricks.KindOf(err) != databricks.KindNotFound {
			return plan.Proposal{}, err
		}
		var missing []string
		for _, privilege := range n.privileges {
			if !slices.Contains(have, privilege) {
				missing = append(missing, privilege)
			}
		}
		if len(missing) > 0 {
			p.State = plan.StateTodo
			p.Actions = append(p.Actions, w.action(&n, missing))
		}
	}
	who := w.Principal
	if Everybody(who) {
		who += " (that is everybody)"
	}
	if w.Write {
		p.Shows = append(p.Shows, "to "+who+": all spans, logs and metrics of the location, content included; who "+
			"delivers must be able to read (Databricks wants SELECT with MODIFY)")
	}
	if w.Annotate {
		p.Shows = append(p.Shows, "to "+who+": all spans and annotations of the location, content included")
	}
	if w.Read {
		p.Shows = append(p.Shows, "to "+who+": the views of traces, spans and scores: names, users and sessions, "+
			"tags, tokens, costs and scores, but not what was asked and answered")
	}
	if w.Content {
		p.Shows = append(p.Shows, "to "+who+": what was asked and answered")
	}
	if w.Read || w.Content {
		p.Notes = append(p.Notes,
			"to read views one also needs CAN USE on some SQL warehouse, which is not granted here")
	}
	return p, nil
}

func (w *Wanted) have(ctx context.Context, n *need) ([]string, error) {
	list, err := w.Client.Grants(ctx, n.on, w.Principal)
	var out []string
	for _, g := range list {
		if g.Principal == w.Principal {
			out = append(out, g.Privilege)
		}
	}
	return out, err
}

func (w *Wanted) action(n *need, privileges []string) plan.Action {
	return plan.Action{
		Does:   "grants " + strings.Join(privileges, " and ") + " on the " + n.on.String(),
		Method: http.MethodPatch, Path: path(n),
		Body: change(catalog.PermissionsChange{Principal: w.Principal, Add: spell(privileges)}),
		Do:   func(ctx context.Context) error { return w.Client.AddGrants(ctx, n.on, w.Principal, privileges...) },
	}
}

func path(n *need) string {
	parts := strings.Split(n.name, ".")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/api/2.1/unity-catalog/permissions/" + n.kind + "/" + strings.Join(parts, ".")
}

func change(c catalog.PermissionsChange) any {
	return map[string]any{"changes": []catalog.PermissionsChange{c}}
}

func spell(privileges []string) []catalog.Privilege {
	var out []catalog.Privilege
	for _, p := range privileges {
		out = append(out, catalog.Privilege(p))
	}
	return out
}

// undo proposes to take back what was granted on tables and views. Use of the catalog and the
// schema may serve other purposes.
func (w *Wanted) undo(ctx context.Context) (plan.Proposal, error) {
	p := plan.Proposal{State: plan.StateDone}
	for _, n := range w.needs() {
		have, err := w.have(ctx, &n)
		if databricks.KindOf(err) == databricks.KindNotFound {
			continue
		}
		if err != nil {
			return plan.Proposal{}, err
		}
		var there []string
		for _, privilege := range n.privileges {
			if n.table && slices.Contains(have, privilege) {
				there = append(there, privilege)
			}
		}
		if len(there) > 0 {
			p.State = plan.StateTodo
			p.Hides = []string{"the tables and views, from " + w.Principal}
			p.Actions = append(p.Actions, plan.Action{
				Does:   fmt.Sprintf("revokes %s on the %s", strings.Join(there, " and "), n.on),
				Method: http.MethodPatch, Path: path(&n),
				Body: change(catalog.PermissionsChange{Principal: w.Principal, Remove: spell(there)}),
			})
		}
	}
	p.Notes = []string{"USE CATALOG and USE SCHEMA stay: they may serve other purposes"}
	return p, nil
}
