// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// Securable is something that privileges can be granted on.
type Securable struct {
	Kind string // catalog, schema or table
	Name string // lower-case, dotted
}

// Title is the kind as messages write it.
func (s Securable) Title() string { return strings.ToUpper(s.Kind[:1]) + s.Kind[1:] }

// privileges are spelled with underscores: USE_SCHEMA.
type privileges map[string]bool

// Key is how Unity Catalog compares names.
func Key(name string) string { return strings.ToLower(strings.ReplaceAll(name, "`", "")) }

// Spelled is the form of the REST API for a privilege of SQL.
func Spelled(privilege string) string {
	return strings.ReplaceAll(strings.ToUpper(strings.TrimSpace(privilege)), " ", "_")
}

// SecurableOf tells by the number of parts: catalog, catalog.schema, catalog.schema.table.
func SecurableOf(name string) Securable {
	kinds := []string{"catalog", "schema", "table"}
	return Securable{kinds[min(strings.Count(name, "."), 2)], Key(name)}
}

// Grant gives privileges on a catalog, schema or table (told apart by the number of dots). The
// principal comes into being.
func (w *Catalog) Grant(principal, name string, privileges ...string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Principal(principal, false)
	w.grant(principal, SecurableOf(name), privileges...)
}

// GrantWriting gives what writing to a table takes: USE_CATALOG, USE_SCHEMA, MODIFY and SELECT.
func (w *Catalog) GrantWriting(principal string, tables ...string) {
	for _, table := range tables {
		parts := strings.SplitN(table, ".", 3)
		w.Grant(principal, parts[0], "USE_CATALOG")
		w.Grant(principal, parts[0]+"."+parts[1], "USE_SCHEMA")
		w.Grant(principal, table, "MODIFY", "SELECT")
	}
}

// Revoke takes privileges away; without any, all.
func (w *Catalog) Revoke(principal, name string, privileges ...string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	s := SecurableOf(name)
	if len(privileges) == 0 {
		delete(w.grants[s], principal)
	}
	for _, p := range privileges {
		delete(w.grants[s][principal], Spelled(p))
	}
}

// Granted returns what was granted to a principal on a securable itself, sorted.
func (w *Catalog) Granted(principal, name string) []string {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	return w.granted(SecurableOf(name), principal)
}

// granted is Granted under the lock.
func (w *Catalog) granted(s Securable, principal string) []string {
	var out []string
	for p := range w.grants[s][principal] {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// grant is Grant under the lock.
func (w *Catalog) grant(principal string, s Securable, names ...string) {
	if w.grants[s] == nil {
		w.grants[s] = map[string]privileges{}
	}
	if w.grants[s][principal] == nil {
		w.grants[s][principal] = privileges{}
	}
	for _, p := range names {
		w.grants[s][principal][Spelled(p)] = true
	}
}

// HasGrant reports whether a privilege was granted by name on the securable or on what holds it, to
// the principal or to one of its groups. ALL_PRIVILEGES and ownership do not count. Under the lock.
func (w *Catalog) HasGrant(who *server.Principal, s Securable, privilege string) bool {
	for _, name := range append([]string{who.Name}, who.Groups...) {
		for _, at := range Lineage(s) {
			if w.grants[at][name][privilege] {
				return true
			}
		}
	}
	return false
}

// GrantedOn reports whether a privilege was granted by name on the securable itself, to the
// principal or to one of its groups. Under the lock.
func (w *Catalog) GrantedOn(who *server.Principal, s Securable, privilege string) bool {
	for _, name := range append([]string{who.Name}, who.Groups...) {
		if w.grants[s][name][privilege] {
			return true
		}
	}
	return false
}

// May reports whether the principal can use a privilege in Unity Catalog: granted by name or as
// part of ALL_PRIVILEGES, or as owner. Under the lock.
func (w *Catalog) May(who *server.Principal, s Securable, privilege string) bool {
	if who.Name == server.Admin || w.HasGrant(who, s, privilege) || w.HasGrant(who, s, "ALL_PRIVILEGES") {
		return true
	}
	for _, at := range Lineage(s) {
		if w.owner(at) == who.Name {
			return true
		}
	}
	return false
}

// Lineage is the securable and what holds it, inside out.
func Lineage(s Securable) []Securable {
	out := []Securable{s}
	for name := s.Name; ; {
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return out
		}
		name = name[:i]
		out = append(out, SecurableOf(name))
	}
}

// Denied is the answer to a principal without a privilege.
func Denied(privilege string, s Securable) *server.Failure {
	return server.Refusal(403, "PERMISSION_DENIED", fmt.Sprintf("User does not have %s on %s '%s'.",
		strings.ReplaceAll(privilege, "_", " "), s.Title(), s.Name))
}

// MayReach checks USE_CATALOG and USE_SCHEMA for a table or schema. Under the lock.
func (w *Catalog) MayReach(who *server.Principal, s Securable) *server.Failure {
	for _, at := range Lineage(s) {
		need := map[string]string{"schema": "USE_SCHEMA", "catalog": "USE_CATALOG"}[at.Kind]
		if need != "" && !w.May(who, at, need) {
			return Denied(need, at)
		}
	}
	return nil
}
