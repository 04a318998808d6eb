// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Collector asks the workspace for facts. Its methods may be called at the same time.
type Collector struct {
	client *databricks.Client
	me     memo[databricks.Principal]
}

// NewCollector makes a collector. Nothing is asked yet.
func NewCollector(c *databricks.Client) *Collector { return &Collector{client: c} }

// mostGroups bounds the groups whose grants are asked for one by one.
const mostGroups = 25

// Collect asks what there is to know about a destination, until ctx ends. refused adds what
// explains a refusal by the ingest endpoint.
func (c *Collector) Collect(ctx context.Context, d route.Destination, refused bool) Facts {
	f := Facts{Refused: refused}
	f.Me = c.me.get(ctx, c.client.Me)
	switch f.Me.Kind() {
	case databricks.KindSignIn, databricks.KindUnreachable:
		return f
	}
	f.Table = ask(ctx, func(ctx context.Context) (databricks.Table, error) { return c.client.Table(ctx, d.Table) })
	if f.Table.Kind() == databricks.KindNotFound {
		c.askHolders(ctx, &f, d.Table)
	}
	if f.Table.Known() && f.Me.Known() {
		f.Grants = ask(
			ctx,
			func(ctx context.Context) (Privileges, error) { return c.privileges(ctx, d.Table, f.Me.Value) },
		)
		if p := f.Grants.Value; f.Grants.Known() && (p.Catalog != nil || p.Schema != nil) {
			c.askHolders(ctx, &f, d.Table)
		}
	}
	if d.Experiment != "" && d.Signal == unity.SignalSpans {
		f.Experiment = ask(ctx, func(ctx context.Context) (databricks.Experiment, error) {
			return c.client.Experiment(ctx, d.Experiment)
		})
	}
	if refused {
		f.Metastore = ask(ctx, c.client.Metastore)
	}
	return f
}

// askHolders reads the schema and the catalog that hold a table.
func (c *Collector) askHolders(ctx context.Context, f *Facts, n unity.Name) {
	f.Schema = ask(
		ctx,
		func(ctx context.Context) (databricks.Schema, error) { return c.client.Schema(ctx, n.Catalog, n.Schema) },
	)
	f.Catalog = ask(
		ctx,
		func(ctx context.Context) (databricks.Catalog, error) { return c.client.Catalog(ctx, n.Catalog) },
	)
}

// privileges finds out what the principal may do with a table, and, where that does not tell that
// it may reach it, with the schema and the catalog.
func (c *Collector) privileges(ctx context.Context, n unity.Name, me databricks.Principal) (Privileges, error) {
	var out Privileges
	var err error
	if out.Table, err = c.effective(ctx, databricks.OnTable(n), me, &out.Unread, "MODIFY", "SELECT"); err != nil {
		return out, err
	}
	if _, ok := out.Table["USE_SCHEMA"]; !ok {
		if out.Schema, err = c.effective(ctx, databricks.OnSchema(n.Catalog, n.Schema), me, &out.Unread,
			"USE_SCHEMA"); err != nil {
			return out, err
		}
	}
	if _, ok := out.Table["USE_CATALOG"]; !ok {
		if out.Catalog, err = c.effective(ctx, databricks.OnCatalog(n.Catalog), me, &out.Unread,
			"USE_CATALOG"); err != nil {
			return out, err
		}
	}
	return out, nil
}

// effective lists the privileges on a securable that count for the principal. It stops looking when
// those that are needed were found. Grants of groups are not listed under their members, so they
// are asked for: all at once where the caller may see them, then one by one. The error is that of
// the question for the principal itself.
func (c *Collector) effective(
	ctx context.Context,
	s databricks.Securable,
	me databricks.Principal,
	unread *[]string,
	need ...string,
) (map[string]string, error) {
	have := map[string]string{}
	add := func(grants []databricks.Grant, counts func(principal string) bool) {
		for _, g := range grants {
			if _, ok := have[g.Privilege]; !ok && counts(g.Principal) {
				have[g.Privilege] = g.Principal
			}
		}
	}
	enough := func() bool {
		return !slices.ContainsFunc(need, func(p string) bool { _, ok := have[p]; return !ok })
	}
	grants, err := c.client.EffectiveGrants(ctx, s, me.Name)
	if err != nil {
		return nil, err
	}
	add(grants, func(p string) bool { return strings.EqualFold(p, me.Name) })
	if enough() {
		return have, nil
	}
	groups := append(slices.DeleteFunc(slices.Clone(me.Groups), ofWorkspace), everybody)
	inGroups := func(p string) bool { return slices.Contains(groups, p) }
	if grants, err = c.client.EffectiveGrants(ctx, s, ""); err == nil {
		add(grants, inGroups)
	}
	for i, group := range groups {
		if enough() {
			break
		}
		if i == mostGroups {
			*unread = append(*unread, groups[i:len(groups)-1]...)
			break
		}
		grants, err := c.client.EffectiveGrants(ctx, s, group)
		if databricks.KindOf(err) == databricks.KindNotFound {
			continue // a group of the workspace, which Unity Catalog does not know
		}
		if err != nil {
			if group != everybody { // grants to write are hardly ever given to everybody
				*unread = append(*unread, group)
			}
			continue
		}
		add(grants, inGroups)
	}
	return have, nil
}

// ofWorkspace reports whether a group is one that every workspace has for itself. Unity Catalog
// does not know these.
func ofWorkspace(group string) bool { return group == "users" || group == "admins" }

// perQuestion bounds each question, so that one that hangs leaves time for the others.
const perQuestion = 10 * time.Second

func ask[T any](ctx context.Context, question func(context.Context) (T, error)) Fact[T] {
	ctx, cancel := context.WithTimeout(ctx, perQuestion)
	defer cancel()
	v, err := question(ctx)
	return Fact[T]{Asked: true, Value: v, Err: err}
}

// memo keeps an answer for a short while, since many destinations ask the same at a time. Errors
// are kept for those who wait for the same answer right now.
type memo[T any] struct {
	mu   sync.Mutex
	at   time.Time
	fact Fact[T]
}

const (
	fresh      = 5 * time.Second
	freshError = time.Second
)

func (m *memo[T]) get(ctx context.Context, question func(context.Context) (T, error)) Fact[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if age := time.Since(m.at); m.fact.Asked && (age < freshError || age < fresh && m.fact.Known()) {
		return m.fact
	}
	m.fact, m.at = ask(ctx, question), time.Now()
	return m.fact
}
