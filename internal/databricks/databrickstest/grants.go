package databrickstest

import (
	"fmt"
	"slices"
	"strings"
)

// securable is something that privileges can be granted on.
type securable struct {
	kind string // catalog, schema or table
	name string // lower-case, dotted
}

// title is the kind as messages write it.
func (s securable) title() string { return strings.ToUpper(s.kind[:1]) + s.kind[1:] }

// privileges are spelled with underscores: USE_SCHEMA.
type privileges map[string]bool

// key is how Unity Catalog compares names.
func key(name string) string { return strings.ToLower(strings.ReplaceAll(name, "`", "")) }

// spelled is the form of the REST API for a privilege of SQL.
func spelled(privilege string) string {
	return strings.ReplaceAll(strings.ToUpper(strings.TrimSpace(privilege)), " ", "_")
}

// securableOf tells by the number of parts: catalog, catalog.schema, catalog.schema.table.
func securableOf(name string) securable {
	kinds := []string{"catalog", "schema", "table"}
	return securable{kinds[min(strings.Count(name, "."), 2)], key(name)}
}

// Grant gives privileges on a catalog, schema or table (told apart by the number of dots). The principal comes into being.
func (w *Workspace) Grant(principal, name string, privileges ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.principal(principal, false)
	w.grant(principal, securableOf(name), privileges...)
}

// GrantWriting gives what writing to a table takes: USE_CATALOG, USE_SCHEMA, MODIFY and SELECT.
func (w *Workspace) GrantWriting(principal string, tables ...string) {
	for _, table := range tables {
		parts := strings.SplitN(table, ".", 3)
		w.Grant(principal, parts[0], "USE_CATALOG")
		w.Grant(principal, parts[0]+"."+parts[1], "USE_SCHEMA")
		w.Grant(principal, table, "MODIFY", "SELECT")
	}
}

// Revoke takes privileges away; without any, all.
func (w *Workspace) Revoke(principal, name string, privileges ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := securableOf(name)
	if len(privileges) == 0 {
		delete(w.grants[s], principal)
	}
	for _, p := range privileges {
		delete(w.grants[s][principal], spelled(p))
	}
}

// Granted returns what was granted to a principal on a securable itself, sorted.
func (w *Workspace) Granted(principal, name string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.granted(securableOf(name), principal)
}

// granted is Granted under the lock.
func (w *Workspace) granted(s securable, principal string) []string {
	var out []string
	for p := range w.grants[s][principal] {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// grant is Grant under the lock.
func (w *Workspace) grant(principal string, s securable, names ...string) {
	if w.grants[s] == nil {
		w.grants[s] = map[string]privileges{}
	}
	if w.grants[s][principal] == nil {
		w.grants[s][principal] = privileges{}
	}
	for _, p := range names {
		w.grants[s][principal][spelled(p)] = true
	}
}

// hasGrant reports whether a privilege was granted by name on the securable or on what holds it, to the principal or to a group of his. ALL_PRIVILEGES and
// ownership do not count. Under the lock.
func (w *Workspace) hasGrant(who *Principal, s securable, privilege string) bool {
	for _, name := range append([]string{who.Name}, who.Groups...) {
		for _, at := range lineage(s) {
			if w.grants[at][name][privilege] {
				return true
			}
		}
	}
	return false
}

// grantedHere reports whether a privilege was granted by name on the securable itself, to the principal or to a group of his. Under the lock.
func (w *Workspace) grantedHere(who *Principal, s securable, privilege string) bool {
	for _, name := range append([]string{who.Name}, who.Groups...) {
		if w.grants[s][name][privilege] {
			return true
		}
	}
	return false
}

// may reports whether the principal can use a privilege in Unity Catalog: granted by name or as part of ALL_PRIVILEGES, or as owner. Under the lock.
func (w *Workspace) may(who *Principal, s securable, privilege string) bool {
	if who.Name == Admin || w.hasGrant(who, s, privilege) || w.hasGrant(who, s, "ALL_PRIVILEGES") {
		return true
	}
	for _, at := range lineage(s) {
		if w.owner(at) == who.Name {
			return true
		}
	}
	return false
}

// lineage is the securable and what holds it, inside out.
func lineage(s securable) []securable {
	out := []securable{s}
	for name := s.name; ; {
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return out
		}
		name = name[:i]
		out = append(out, securableOf(name))
	}
}

// denied is the answer to somebody without a privilege.
func denied(privilege string, s securable) *failure {
	return newFailure(403, "PERMISSION_DENIED", fmt.Sprintf("User does not have %s on %s '%s'.", strings.ReplaceAll(privilege, "_", " "), s.title(), s.name))
}

// mayReach checks USE_CATALOG and USE_SCHEMA for a table or schema. Under the lock.
func (w *Workspace) mayReach(who *Principal, s securable) *failure {
	for _, at := range lineage(s) {
		need := map[string]string{"schema": "USE_SCHEMA", "catalog": "USE_CATALOG"}[at.kind]
		if need != "" && !w.may(who, at, need) {
			return denied(need, at)
		}
	}
	return nil
}
