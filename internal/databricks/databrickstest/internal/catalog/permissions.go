// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// applicable are the privileges that can be granted on a kind of securable.
var applicable = map[string][]string{
	"catalog": {
		"USE_CATALOG", "USE_SCHEMA", "CREATE_SCHEMA", "CREATE_TABLE", "CREATE_FUNCTION",
		"CREATE_VOLUME", "CREATE_MODEL",
		"CREATE_MATERIALIZED_VIEW", "SELECT", "MODIFY",
		"EXECUTE", "READ_VOLUME", "WRITE_VOLUME", "BROWSE", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES",
	},
	"schema": {
		"USE_SCHEMA", "CREATE_TABLE", "CREATE_FUNCTION", "CREATE_VOLUME", "CREATE_MODEL", "CREATE_MATERIALIZED_VIEW",
		"SELECT", "MODIFY", "EXECUTE", "READ_VOLUME",
		"WRITE_VOLUME", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES", "REFRESH",
	},
	"table": {"SELECT", "MODIFY", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES", "REFRESH"},
}

// securableIn finds the securable of a request's path and checks that it exists. Under the lock.
func (w *Catalog) securableIn(r *http.Request) (Securable, *server.Failure) {
	kind, name := strings.ToLower(r.PathValue("kind")), Key(r.PathValue("name"))
	s := Securable{kind, name}
	if applicable[kind] == nil {
		return s, server.Refusal(400, "INVALID_PARAMETER_VALUE", r.PathValue("kind")+" is not a valid securable type")
	}
	return s, w.exists(s)
}

// exists returns what is missing of a securable. Under the lock.
func (w *Catalog) exists(s Securable) *server.Failure {
	switch {
	case s.Kind == "catalog" && w.catalogs[s.Name] == nil:
		return noCatalog(s.Name)
	case s.Kind == "schema":
		return w.FindSchema(s.Name)
	case s.Kind == "table":
		_, f := w.Find(s.Name)
		return f
	}
	return nil
}

func (w *Catalog) getPermissions(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	s, f := w.securableIn(r)
	if f == nil && r.URL.Query().Get("principal") != server.Caller(r).Name && !w.Owns(server.Caller(r).Principal, s) {
		f = notOwner(s)
	}
	if f != nil {
		f.Send(rw)
		return
	}
	w.answerAssignments(rw, s, r.URL.Query().Get("principal"))
}

// answerAssignments lists what was granted on the securable itself, to one principal or to all.
// Under the lock.
func (w *Catalog) answerAssignments(rw http.ResponseWriter, s Securable, principal string) {
	out := []any{}
	for _, name := range Sorted(w.grants[s]) {
		if has := w.granted(s, name); len(has) > 0 && (principal == "" || principal == name) {
			out = append(out, map[string]any{"principal": name, "privileges": has})
		}
	}
	server.Answer(rw, http.StatusOK, map[string]any{"privilege_assignments": out})
}

func (w *Catalog) patchPermissions(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Changes []struct {
			Principal   string
			Add, Remove []string
		}
	}
	if !server.Decode(rw, r, &in) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	s, f := w.securableIn(r)
	if f == nil && !w.Owns(server.Caller(r).Principal, s) {
		f = notOwner(s)
	}
	for _, c := range in.Changes {
		if f == nil {
			f = w.grantable(s, c.Principal, append(slices.Clone(c.Add), c.Remove...))
		}
		for _, p := range c.Add {
			if f == nil && slices.Contains(c.Remove, p) {
				f = server.Refusal(400, "INVALID_PARAMETER_VALUE",
					fmt.Sprintf("Duplicate privileges to add and delete for principal %s: %s", c.Principal, p))
			}
		}
	}
	if f != nil {
		f.Send(rw)
		return
	}
	for _, c := range in.Changes {
		w.grant(c.Principal, s, c.Add...)
		for _, p := range c.Remove {
			delete(w.grants[s][c.Principal], Spelled(p))
		}
	}
	w.answerAssignments(rw, s, "")
}

// grantable says why privileges can't be granted; nil if they can. Under the lock.
func (w *Catalog) grantable(s Securable, principal string, names []string) *server.Failure {
	if !w.IsPrincipal(principal) {
		return server.Refusal(404, "PRINCIPAL_DOES_NOT_EXIST", "Could not find principal with name "+principal)
	}
	for _, p := range names {
		view := s.Kind == "table" && w.Relation(s.Name) != nil && w.Relation(s.Name).Kind != "MANAGED" &&
			Spelled(p) == "MODIFY"
		if view || !slices.Contains(applicable[s.Kind], Spelled(p)) {
			return server.Refusal(400, "INVALID_PARAMETER_VALUE",
				fmt.Sprintf("Privilege %s is not applicable to this entity [%s:%s]", p,
					strings.ToUpper(s.Kind), s.Name))
		}
	}
	return nil
}

// getEffective lists privileges with those that come from the schema and the catalog. As the API
// does, it names grants to groups with the group, not with its members.
func (w *Catalog) getEffective(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	s, f := w.securableIn(r)
	only := r.URL.Query().Get("principal")
	if f == nil && only != server.Caller(r).Name && !w.Owns(server.Caller(r).Principal, s) {
		f = notOwner(s)
	}
	if f != nil {
		f.Send(rw)
		return
	}
	has := map[string][]any{}
	for _, at := range Lineage(s) {
		for name := range w.grants[at] {
			for _, p := range w.granted(at, name) {
				privilege := map[string]any{"privilege": p}
				if at != s {
					privilege["inherited_from_type"], privilege["inherited_from_name"] = strings.ToUpper(at.Kind),
						at.Name
				}
				has[name] = append(has[name], privilege)
			}
		}
	}
	out := []any{}
	for _, name := range Sorted(has) {
		if only == "" || only == name {
			out = append(out, map[string]any{"principal": name, "privileges": has[name]})
		}
	}
	server.Answer(rw, http.StatusOK, map[string]any{"privilege_assignments": out})
}
