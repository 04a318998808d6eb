// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Principal is who the requests are made as.
type Principal struct {
	// Name is how grants name it: the user name, or the application id of a service principal.
	Name        string
	DisplayName string
	// Groups are the groups that it is known to belong to, as grants name them.
	Groups []string
}

// Me asks who the requests are made as.
func (c *Client) Me(ctx context.Context) (Principal, error) {
	u, err := iam.NewCurrentUser(c.api).Me(ctx, iam.MeRequest{})
	if err != nil {
		return Principal{}, explain(ctx, "signing in to "+c.host, err)
	}
	if u.UserName == "" {
		return Principal{}, empty("signing in to "+c.host, "the answer has no user name")
	}
	p := Principal{Name: u.UserName, DisplayName: u.DisplayName}
	for _, g := range u.Groups {
		if g.Display != "" {
			p.Groups = append(p.Groups, g.Display)
		}
	}
	return p, nil
}

// Metastore is where the workspace keeps Unity Catalog.
type Metastore struct {
	ID, Name, Cloud, Region string
}

// Metastore asks for the workspace's metastore.
func (c *Client) Metastore(ctx context.Context) (Metastore, error) {
	m, err := catalog.NewMetastores(c.api).Summary(ctx)
	if err != nil {
		return Metastore{}, explain(ctx, "reading the metastore", err)
	}
	return Metastore{ID: m.MetastoreId, Name: m.Name, Cloud: m.Cloud, Region: m.Region}, nil
}

// Catalog is a catalog of Unity Catalog.
type Catalog struct {
	Name, Owner, Kind string
}

// Catalog reads a catalog.
func (c *Client) Catalog(ctx context.Context, name string) (Catalog, error) {
	i, err := catalog.NewCatalogs(c.api).Get(ctx, catalog.GetCatalogRequest{Name: segment(name)})
	if err != nil {
		return Catalog{}, explain(ctx, "reading the catalog "+name, err)
	}
	return Catalog{Name: i.Name, Owner: i.Owner, Kind: string(i.CatalogType)}, nil
}

// Schema is a schema of Unity Catalog.
type Schema struct {
	Catalog, Name, Owner string
	// ID is the UUID by which quality monitors know it.
	ID string
}

// Schema reads a schema.
func (c *Client) Schema(ctx context.Context, catalogName, name string) (Schema, error) {
	i, err := catalog.NewSchemas(c.api).Get(ctx,
		catalog.GetSchemaRequest{FullName: segment(catalogName) + "." + segment(name)})
	if err != nil {
		return Schema{}, explain(ctx, "reading the schema "+catalogName+"."+name, err)
	}
	return Schema{Catalog: i.CatalogName, Name: i.Name, Owner: i.Owner, ID: i.SchemaId}, nil
}

// Table is a table or a view of Unity Catalog.
type Table struct {
	Name unity.Name
	// ID is the UUID by which quality monitors know it.
	ID string
	// Kind is MANAGED, EXTERNAL, VIEW, MATERIALIZED_VIEW, STREAMING_TABLE …; Format is DELTA,
	// ICEBERG ….
	Kind, Format string
	Owner        string
	Columns      []unity.Column
	Properties   map[string]string
	// View is the query of a view.
	View string
	// BrowseOnly: the caller sees the table's existence and no more.
	BrowseOnly bool
}

// Table reads what the catalog knows about a table. It needs no warehouse.
func (c *Client) Table(ctx context.Context, n unity.Name) (Table, error) {
	i, err := catalog.NewTables(c.api).Get(ctx, catalog.GetTableRequest{FullName: fullName(n)})
	if err != nil {
		return Table{}, explain(ctx, "reading the table "+n.String(), err)
	}
	if i.Name == "" {
		return Table{}, empty("reading the table "+n.String(), "the answer describes no table")
	}
	t := Table{
		Name: n, ID: i.TableId, Kind: string(i.TableType), Format: string(i.DataSourceFormat), Owner: i.Owner,
		Properties: i.Properties, View: i.ViewDefinition,
		BrowseOnly: i.BrowseOnly,
	}
	for _, col := range i.Columns {
		text := col.TypeText
		if text == "" {
			text = strings.ToLower(string(col.TypeName))
		}
		t.Columns = append(t.Columns, unity.Column{Name: col.Name, Type: text})
	}
	return t, nil
}

// empty is the error for an answer of success that says nothing, as some proxies give.
func empty(doing, message string) error {
	return &Error{Kind: KindBadAnswer, Doing: doing, Message: message}
}

func fullName(n unity.Name) string {
	return segment(n.Catalog) + "." + segment(n.Schema) + "." + segment(n.Table)
}
