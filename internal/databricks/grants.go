// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Securable is something that privileges are granted on.
type Securable struct {
	Kind string // catalog, schema, table
	path string
	name string
}

// OnCatalog names a catalog.
func OnCatalog(name string) Securable { return Securable{"catalog", segment(name), name} }

// OnSchema names a schema.
func OnSchema(catalogName, name string) Securable {
	return Securable{"schema", segment(catalogName) + "." + segment(name), catalogName + "." + name}
}

// OnTable names a table or view.
func OnTable(n unity.Name) Securable { return Securable{"table", fullName(n), n.String()} }

// String is the securable for people: table cat.sch.t.
func (s Securable) String() string { return s.Kind + " " + s.name }

// Grant is a privilege of a principal on a securable.
type Grant struct {
	Principal string
	// Privilege is spelled as the API spells it: USE_SCHEMA.
	Privilege string
	// From is the securable that it comes from: "schema cat.sch"; empty when it was granted on the
	// securable itself.
	From string
}

// maxPages bounds listings, far above what a table has.
const maxPages = 20

// EffectiveGrants lists the privileges on a securable, those that come from the schema and the
// catalog included: of one principal, or of everybody whom the caller may see if principal is
// empty. Grants of groups are listed under the group, not under its members.
func (c *Client) EffectiveGrants(ctx context.Context, s Securable, principal string) ([]Grant, error) {
	doing := "reading the grants on the " + s.String()
	var out []Grant
	page := ""
	for range maxPages {
		list, err := catalog.NewGrants(c.api).GetEffective(ctx, catalog.GetEffectiveRequest{
			SecurableType: s.Kind, FullName: s.path, Principal: principal, PageToken: page,
		})
		if err != nil {
			return nil, explain(ctx, doing, err)
		}
		for _, a := range list.PrivilegeAssignments {
			for _, p := range a.Privileges {
				g := Grant{Principal: a.Principal, Privilege: spelled(string(p.Privilege))}
				if p.InheritedFromName != "" {
					g.From = strings.ToLower(string(p.InheritedFromType)) + " " + p.InheritedFromName
				}
				out = append(out, g)
			}
		}
		if page = list.NextPageToken; page == "" {
			return out, nil
		}
	}
	return nil, &Error{Kind: KindBadAnswer, Doing: doing, Message: "the list does not end"}
}

// Grants lists the privileges that were granted on a securable itself; arguments as in
// EffectiveGrants.
func (c *Client) Grants(ctx context.Context, s Securable, principal string) ([]Grant, error) {
	doing := "reading the grants on the " + s.String()
	var out []Grant
	page := ""
	for range maxPages {
		list, err := catalog.NewGrants(c.api).Get(ctx, catalog.GetGrantRequest{SecurableType: s.Kind, FullName: s.path,
			Principal: principal, PageToken: page})
		if err != nil {
			return nil, explain(ctx, doing, err)
		}
		for _, a := range list.PrivilegeAssignments {
			for _, p := range a.Privileges {
				out = append(out, Grant{Principal: a.Principal, Privilege: spelled(string(p))})
			}
		}
		if page = list.NextPageToken; page == "" {
			return out, nil
		}
	}
	return nil, &Error{Kind: KindBadAnswer, Doing: doing, Message: "the list does not end"}
}

// AddGrants grants privileges; those that are there already stay.
func (c *Client) AddGrants(ctx context.Context, s Securable, principal string, privileges ...string) error {
	change := catalog.PermissionsChange{Principal: principal}
	for _, p := range privileges {
		change.Add = append(change.Add, catalog.Privilege(spelled(p)))
	}
	_, err := catalog.NewGrants(c.api).Update(ctx, catalog.UpdatePermissions{SecurableType: s.Kind, FullName: s.path,
		Changes: []catalog.PermissionsChange{change}})
	return explain(ctx, "granting "+strings.Join(privileges, ", ")+" on the "+s.String()+" to "+principal, err)
}

// spelled is the API's spelling of a privilege; SQL's has spaces.
func spelled(privilege string) string {
	return strings.ReplaceAll(strings.ToUpper(privilege), " ", "_")
}
