package databrickstest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// applicable are the privileges that can be granted on a kind of securable.
var applicable = map[string][]string{
	"catalog": {
		"USE_CATALOG", "USE_SCHEMA", "CREATE_SCHEMA", "CREATE_TABLE", "CREATE_FUNCTION", "CREATE_VOLUME", "CREATE_MODEL", "CREATE_MATERIALIZED_VIEW", "SELECT", "MODIFY",
		"EXECUTE", "READ_VOLUME", "WRITE_VOLUME", "BROWSE", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES",
	},
	"schema": {
		"USE_SCHEMA", "CREATE_TABLE", "CREATE_FUNCTION", "CREATE_VOLUME", "CREATE_MODEL", "CREATE_MATERIALIZED_VIEW", "SELECT", "MODIFY", "EXECUTE", "READ_VOLUME",
		"WRITE_VOLUME", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES", "REFRESH",
	},
	"table": {"SELECT", "MODIFY", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES", "REFRESH"},
}

// securableIn finds the securable of a request's path and checks that it exists. Under the lock.
func (w *Workspace) securableIn(r *http.Request) (securable, *failure) {
	kind, name := strings.ToLower(r.PathValue("kind")), key(r.PathValue("name"))
	s := securable{kind, name}
	if applicable[kind] == nil {
		return s, newFailure(400, "INVALID_PARAMETER_VALUE", r.PathValue("kind")+" is not a valid securable type")
	}
	return s, w.exists(s)
}

// exists returns what is missing of a securable. Under the lock.
func (w *Workspace) exists(s securable) *failure {
	switch {
	case s.kind == "catalog" && w.catalogs[s.name] == nil:
		return noCatalog(s.name)
	case s.kind == "schema":
		return w.findSchema(s.name)
	case s.kind == "table":
		_, f := w.find(s.name)
		return f
	}
	return nil
}

func (w *Workspace) getPermissions(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, f := w.securableIn(r)
	if f == nil && r.URL.Query().Get("principal") != caller(r).Name && !w.owns(caller(r).Principal, s) {
		f = notOwner(s)
	}
	if f != nil {
		f.send(rw)
		return
	}
	w.answerAssignments(rw, s, r.URL.Query().Get("principal"))
}

// answerAssignments lists what was granted on the securable itself, to one principal or to all. Under the lock.
func (w *Workspace) answerAssignments(rw http.ResponseWriter, s securable, principal string) {
	out := []any{}
	for _, name := range sorted(w.grants[s]) {
		if has := w.granted(s, name); len(has) > 0 && (principal == "" || principal == name) {
			out = append(out, map[string]any{"principal": name, "privileges": has})
		}
	}
	answer(rw, http.StatusOK, map[string]any{"privilege_assignments": out})
}

func (w *Workspace) patchPermissions(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Changes []struct {
			Principal   string
			Add, Remove []string
		}
	}
	if !decode(rw, r, &in) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s, f := w.securableIn(r)
	if f == nil && !w.owns(caller(r).Principal, s) {
		f = notOwner(s)
	}
	for _, c := range in.Changes {
		if f == nil {
			f = w.grantable(s, c.Principal, append(slices.Clone(c.Add), c.Remove...))
		}
		for _, p := range c.Add {
			if f == nil && slices.Contains(c.Remove, p) {
				f = newFailure(400, "INVALID_PARAMETER_VALUE", fmt.Sprintf("Duplicate privileges to add and delete for principal %s: %s", c.Principal, p))
			}
		}
	}
	if f != nil {
		f.send(rw)
		return
	}
	for _, c := range in.Changes {
		w.grant(c.Principal, s, c.Add...)
		for _, p := range c.Remove {
			delete(w.grants[s][c.Principal], spelled(p))
		}
	}
	w.answerAssignments(rw, s, "")
}

// grantable says why privileges can't be granted; nil if they can. Under the lock.
func (w *Workspace) grantable(s securable, principal string, names []string) *failure {
	if !w.isPrincipal(principal) {
		return newFailure(404, "PRINCIPAL_DOES_NOT_EXIST", "Could not find principal with name "+principal)
	}
	for _, p := range names {
		view := s.kind == "table" && w.table(s.name) != nil && w.table(s.name).kind != "MANAGED" && spelled(p) == "MODIFY"
		if view || !slices.Contains(applicable[s.kind], spelled(p)) {
			return newFailure(400, "INVALID_PARAMETER_VALUE", fmt.Sprintf("Privilege %s is not applicable to this entity [%s:%s]", p,
				strings.ToUpper(s.kind), s.name))
		}
	}
	return nil
}

// getEffective lists privileges with those that come from the schema and the catalog. As the API does, it names grants to groups with the group, not with
// its members.
func (w *Workspace) getEffective(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, f := w.securableIn(r)
	only := r.URL.Query().Get("principal")
	if f == nil && only != caller(r).Name && !w.owns(caller(r).Principal, s) {
		f = notOwner(s)
	}
	if f != nil {
		f.send(rw)
		return
	}
	has := map[string][]any{}
	for _, at := range lineage(s) {
		for name := range w.grants[at] {
			for _, p := range w.granted(at, name) {
				privilege := map[string]any{"privilege": p}
				if at != s {
					privilege["inherited_from_type"], privilege["inherited_from_name"] = strings.ToUpper(at.kind), at.name
				}
				has[name] = append(has[name], privilege)
			}
		}
	}
	out := []any{}
	for _, name := range sorted(has) {
		if only == "" || only == name {
			out = append(out, map[string]any{"principal": name, "privileges": has[name]})
		}
	}
	answer(rw, http.StatusOK, map[string]any{"privilege_assignments": out})
}
