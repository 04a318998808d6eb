// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

const unityAPI = "/api/2.1/unity-catalog/"

func (w *Catalog) routeUnity() {
	w.Handle("GET "+unityAPI+"metastore_summary", func(rw http.ResponseWriter, _ *http.Request) {
		server.Answer(rw, http.StatusOK, map[string]any{
			"metastore_id": server.MetastoreID, "name": "ms", "cloud": "aws", "region": server.Region,
			"global_metastore_id": "aws:" + server.Region + ":" + server.MetastoreID,
		})
	})
	w.Handle("GET "+unityAPI+"catalogs/{name}", w.getCatalog)
	w.Handle("GET "+unityAPI+"schemas/{name}", w.getSchema)
	w.Handle("GET "+unityAPI+"tables/{name}", w.getTable)
	w.Handle("GET "+unityAPI+"permissions/{kind}/{name}", w.getPermissions)
	w.Handle("PATCH "+unityAPI+"permissions/{kind}/{name}", w.patchPermissions)
	w.Handle("GET "+unityAPI+"effective-permissions/{kind}/{name}", w.getEffective)
}

func (w *Catalog) getCatalog(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	name := r.PathValue("name")
	c := w.catalogs[Key(name)]
	switch {
	case c == nil:
		noCatalog(name).Send(rw)
	case !w.May(server.Caller(r).Principal, SecurableOf(name), "USE_CATALOG"):
		Denied("USE_CATALOG", SecurableOf(name)).Send(rw)
	default:
		server.Answer(rw, http.StatusOK, c.info())
	}
}

func (w *Catalog) getSchema(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	name := r.PathValue("name")
	if f := w.FindSchema(name); f != nil {
		f.Send(rw)
		return
	}
	if f := w.MayReach(server.Caller(r).Principal, SecurableOf(name)); f != nil {
		f.Send(rw)
		return
	}
	server.Answer(rw, http.StatusOK, w.Schema(name).info())
}

func (w *Catalog) getTable(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if t, f := w.reach(server.Caller(r).Principal, r.PathValue("name")); f != nil {
		f.Send(rw)
	} else {
		server.Answer(rw, http.StatusOK, t.info())
	}
}

// reach finds a table that the principal may see. Under the lock.
func (w *Catalog) reach(who *server.Principal, name string) (*Relation, *server.Failure) {
	t, f := w.Find(name)
	if f != nil && f.Code != "TABLE_DOES_NOT_EXIST" {
		return nil, f
	}
	if hidden := w.MayReach(who, SecurableOf(name)); hidden != nil {
		return nil, hidden
	}
	if f != nil {
		return nil, f
	}
	if !w.maySee(who, t) {
		return nil, Denied("SELECT", SecurableOf(name))
	}
	return t, nil
}

// maySee reports whether the principal may look at a table's description: any privilege on it will
// do. Under the lock.
func (w *Catalog) maySee(who *server.Principal, t *Relation) bool {
	return slices.ContainsFunc([]string{"SELECT", "MODIFY", "MANAGE", "BROWSE"},
		func(p string) bool { return w.May(who, SecurableOf(t.Name.String()), p) })
}

// Owns reports whether the principal may change a securable: its owner, or that of what holds it,
// or a principal with MANAGE. Under the lock.
func (w *Catalog) Owns(who *server.Principal, s Securable) bool {
	return w.HasGrant(who, s, "MANAGE") || who.Name == server.Admin ||
		slices.ContainsFunc(Lineage(s), func(at Securable) bool { return w.owner(at) == who.Name })
}

func notOwner(s Securable) *server.Failure {
	return server.Refusal(403, "PERMISSION_DENIED", fmt.Sprintf("User is not an owner of %s '%s'.", s.Title(), s.Name))
}

func noCatalog(name string) *server.Failure {
	return server.Refusal(404, "CATALOG_DOES_NOT_EXIST", fmt.Sprintf("Catalog '%s' does not exist.", name))
}

func (c *catalog) info() map[string]any {
	return map[string]any{"name": c.name, "full_name": c.name, "catalog_type": "MANAGED_CATALOG", "owner": c.owner,
		"metastore_id": server.MetastoreID,
		"created_at":   c.created.UnixMilli()}
}

func (s *schema) info() map[string]any {
	return map[string]any{"name": s.Name, "catalog_name": s.Catalog, "full_name": s.Catalog + "." + s.Name,
		"schema_id": s.ID, "owner": s.owner}
}

func (t *Relation) info() map[string]any {
	out := map[string]any{
		"name": t.Name.Table, "catalog_name": t.Name.Catalog, "schema_name": t.Name.Schema,
		"full_name":  t.Name.String(),
		"table_type": t.Kind, "table_id": t.ID,
		"owner": t.owner, "metastore_id": server.MetastoreID, "properties": t.Properties,
		"created_at": t.created.UnixMilli(), "updated_at": t.Updated.UnixMilli(),
	}
	columns := []any{}
	for i, c := range t.Columns {
		column := map[string]any{"name": c.Name, "type_text": c.Type, "type_name": TypeName(c.Type), "position": i,
			"nullable": true}
		if c.Comment != "" {
			column["comment"] = c.Comment
		}
		columns = append(columns, column)
	}
	out["columns"] = columns
	if t.Comment != "" {
		out["comment"] = t.Comment
	}
	if t.View != "" {
		out["view_definition"] = t.View
	}
	if t.Kind != "VIEW" {
		out["data_source_format"], out["storage_location"] = "DELTA", "s3://bucket/__unitystorage/"+t.ID
	}
	return out
}

// TypeName is the type_name of a column, from its type_text.
func TypeName(text string) string {
	base, _, _ := strings.Cut(text, "<")
	base, _, _ = strings.Cut(base, "(")
	switch base {
	case "bigint":
		return "LONG"
	case "smallint":
		return "SHORT"
	case "tinyint":
		return "BYTE"
	}
	return strings.ToUpper(base)
}

// Sorted are the keys of a map.
func Sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
