package databrickstest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

const unityAPI = "/api/2.1/unity-catalog/"

func (w *Workspace) routeUnity() {
	w.handle("GET "+unityAPI+"metastore_summary", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, http.StatusOK, map[string]any{
			"metastore_id": MetastoreID, "name": "ms", "cloud": "aws", "region": Region, "global_metastore_id": "aws:" + Region + ":" + MetastoreID,
		})
	})
	w.handle("GET "+unityAPI+"catalogs", w.listCatalogs)
	w.handle("POST "+unityAPI+"catalogs", w.postCatalog)
	w.handle("GET "+unityAPI+"catalogs/{name}", w.getCatalog)
	w.handle("GET "+unityAPI+"schemas", w.listSchemas)
	w.handle("POST "+unityAPI+"schemas", w.postSchema)
	w.handle("GET "+unityAPI+"schemas/{name}", w.getSchema)
	w.handle("GET "+unityAPI+"tables", w.listTables)
	w.handle("GET "+unityAPI+"tables/{name}", w.getTable)
	w.handle("GET "+unityAPI+"tables/{name}/exists", w.tableExists)
	w.handle("DELETE "+unityAPI+"tables/{name}", w.deleteTable)
	w.handle("GET "+unityAPI+"permissions/{kind}/{name}", w.getPermissions)
	w.handle("PATCH "+unityAPI+"permissions/{kind}/{name}", w.patchPermissions)
	w.handle("GET "+unityAPI+"effective-permissions/{kind}/{name}", w.getEffective)
}

func (w *Workspace) listCatalogs(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []any{}
	for _, name := range sorted(w.catalogs) {
		if w.may(caller(r).Principal, securableOf(name), "USE_CATALOG") {
			out = append(out, w.catalogs[name].info())
		}
	}
	answer(rw, http.StatusOK, map[string]any{"catalogs": out})
}

func (w *Workspace) getCatalog(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := r.PathValue("name")
	c := w.catalogs[key(name)]
	switch {
	case c == nil:
		noCatalog(name).send(rw)
	case !w.may(caller(r).Principal, securableOf(name), "USE_CATALOG"):
		denied("USE_CATALOG", securableOf(name)).send(rw)
	default:
		answer(rw, http.StatusOK, c.info())
	}
}

func (w *Workspace) postCatalog(rw http.ResponseWriter, r *http.Request) {
	var in struct{ Name string }
	if !decode(rw, r, &in) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch err := unity.CheckIdentifier(in.Name); {
	case err != nil:
		fail(rw, http.StatusBadRequest, "INVALID_PARAMETER_VALUE", fmt.Sprintf("'%s' is not a valid name", in.Name))
	case w.catalogs[key(in.Name)] != nil:
		fail(rw, http.StatusBadRequest, "CATALOG_ALREADY_EXISTS", fmt.Sprintf("Catalog '%s' already exists", in.Name))
	case caller(r).Name != Admin:
		fail(rw, http.StatusForbidden, "PERMISSION_DENIED", "User does not have CREATE CATALOG on Metastore 'ms'.")
	default:
		answer(rw, http.StatusOK, w.createCatalog(in.Name, caller(r).Name).info())
	}
}

func (w *Workspace) listSchemas(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := r.URL.Query().Get("catalog_name")
	c := w.catalogs[key(name)]
	if c == nil {
		noCatalog(name).send(rw)
		return
	}
	out := []any{}
	for _, s := range sorted(c.schemas) {
		if w.may(caller(r).Principal, securableOf(c.name+"."+s), "USE_SCHEMA") {
			out = append(out, c.schemas[s].info())
		}
	}
	answer(rw, http.StatusOK, map[string]any{"schemas": out})
}

func (w *Workspace) getSchema(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := r.PathValue("name")
	if f := w.findSchema(name); f != nil {
		f.send(rw)
		return
	}
	if f := w.mayReach(caller(r).Principal, securableOf(name)); f != nil {
		f.send(rw)
		return
	}
	answer(rw, http.StatusOK, w.schema(name).info())
}

func (w *Workspace) postSchema(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Name        string
		CatalogName string `json:"catalog_name"`
	}
	if !decode(rw, r, &in) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	full := in.CatalogName + "." + in.Name
	switch f := w.findSchema(full); {
	case unity.CheckIdentifier(in.Name) != nil:
		fail(rw, http.StatusBadRequest, "INVALID_PARAMETER_VALUE", fmt.Sprintf("'%s' is not a valid name", in.Name))
	case f == nil:
		fail(rw, http.StatusBadRequest, "SCHEMA_ALREADY_EXISTS", fmt.Sprintf("Schema '%s' already exists", full))
	case f.code == "CATALOG_DOES_NOT_EXIST":
		f.send(rw)
	case !w.may(caller(r).Principal, securableOf(in.CatalogName), "CREATE_SCHEMA"):
		denied("CREATE_SCHEMA", securableOf(in.CatalogName)).send(rw)
	default:
		answer(rw, http.StatusOK, w.createSchema(in.CatalogName, in.Name, caller(r).Name).info())
	}
}

func (w *Workspace) listTables(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	full := r.URL.Query().Get("catalog_name") + "." + r.URL.Query().Get("schema_name")
	if f := w.findSchema(full); f != nil {
		f.send(rw)
		return
	}
	if f := w.mayReach(caller(r).Principal, securableOf(full)); f != nil {
		f.send(rw)
		return
	}
	out := []any{}
	s := w.schema(full)
	for _, t := range sorted(s.tables) {
		if w.maySee(caller(r).Principal, s.tables[t]) {
			out = append(out, s.tables[t].info())
		}
	}
	answer(rw, http.StatusOK, map[string]any{"tables": out})
}

func (w *Workspace) getTable(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, f := w.reach(caller(r).Principal, r.PathValue("name")); f != nil {
		f.send(rw)
	} else {
		answer(rw, http.StatusOK, t.info())
	}
}

func (w *Workspace) tableExists(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, f := w.reach(caller(r).Principal, r.PathValue("name"))
	if f != nil && f.code != "TABLE_DOES_NOT_EXIST" {
		f.send(rw)
		return
	}
	answer(rw, http.StatusOK, map[string]any{"table_exists": f == nil})
}

func (w *Workspace) deleteTable(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, f := w.reach(caller(r).Principal, r.PathValue("name"))
	if f == nil && !w.owns(caller(r).Principal, securableOf(t.name.String())) {
		f = notOwner(securableOf(t.name.String()))
	}
	if f != nil {
		f.send(rw)
		return
	}
	w.dropTable(key(t.name.String()))
	answer(rw, http.StatusOK, struct{}{})
}

// reach finds a table that the principal may see. Under the lock.
func (w *Workspace) reach(who *Principal, name string) (*table, *failure) {
	t, f := w.find(name)
	if f != nil && f.code != "TABLE_DOES_NOT_EXIST" {
		return nil, f
	}
	if hidden := w.mayReach(who, securableOf(name)); hidden != nil {
		return nil, hidden
	}
	if f != nil {
		return nil, f
	}
	if !w.maySee(who, t) {
		return nil, denied("SELECT", securableOf(name))
	}
	return t, nil
}

// maySee reports whether the principal may look at a table's description: any privilege on it will do. Under the lock.
func (w *Workspace) maySee(who *Principal, t *table) bool {
	return slices.ContainsFunc([]string{"SELECT", "MODIFY", "MANAGE", "BROWSE"}, func(p string) bool { return w.may(who, securableOf(t.name.String()), p) })
}

// owns reports whether the principal may change a securable: its owner, or that of what holds it, or somebody with MANAGE. Under the lock.
func (w *Workspace) owns(who *Principal, s securable) bool {
	return w.hasGrant(who, s, "MANAGE") || who.Name == Admin || slices.ContainsFunc(lineage(s), func(at securable) bool { return w.owner(at) == who.Name })
}

func notOwner(s securable) *failure {
	return newFailure(403, "PERMISSION_DENIED", fmt.Sprintf("User is not an owner of %s '%s'.", s.title(), s.name))
}

func noCatalog(name string) *failure {
	return newFailure(404, "CATALOG_DOES_NOT_EXIST", fmt.Sprintf("Catalog '%s' does not exist.", name))
}

func (c *catalog) info() map[string]any {
	return map[string]any{"name": c.name, "full_name": c.name, "catalog_type": "MANAGED_CATALOG", "owner": c.owner, "metastore_id": MetastoreID,
		"created_at": c.created.UnixMilli()}
}

func (s *schema) info() map[string]any {
	return map[string]any{"name": s.name, "catalog_name": s.catalog, "full_name": s.catalog + "." + s.name, "schema_id": s.id, "owner": s.owner}
}

func (t *table) info() map[string]any {
	out := map[string]any{
		"name": t.name.Table, "catalog_name": t.name.Catalog, "schema_name": t.name.Schema, "full_name": t.name.String(), "table_type": t.kind, "table_id": t.id,
		"owner": t.owner, "metastore_id": MetastoreID, "properties": t.properties, "created_at": t.created.UnixMilli(), "updated_at": t.updated.UnixMilli(),
	}
	columns := []any{}
	for i, c := range t.columns {
		column := map[string]any{"name": c.Name, "type_text": c.Type, "type_name": typeName(c.Type), "position": i, "nullable": true}
		if c.Comment != "" {
			column["comment"] = c.Comment
		}
		columns = append(columns, column)
	}
	out["columns"] = columns
	if t.comment != "" {
		out["comment"] = t.comment
	}
	if t.view != "" {
		out["view_definition"] = t.view
	}
	if t.kind != "VIEW" {
		out["data_source_format"], out["storage_location"] = "DELTA", "s3://bucket/__unitystorage/"+t.id
	}
	return out
}

// typeName is the type_name of a column, from its type_text.
func typeName(text string) string {
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

func sorted[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
