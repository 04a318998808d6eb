package dbsql

// ColumnDef is a column as CREATE and ALTER write it. Views may leave out the type.
type ColumnDef struct {
	Name, Comment string
	Type          Type
}

// The statements besides *Query.
type (
	// CreateView is CREATE VIEW, CREATE MATERIALIZED VIEW and CREATE STREAMING TABLE.
	CreateView struct {
		Name        []string
		Kind        string // VIEW, MATERIALIZED_VIEW, STREAMING_TABLE
		Replace     bool   // also REFRESH
		IfNotExists bool
		Columns     []ColumnDef
		Comment     string
		Properties  map[string]string
		Schedule    string
		Query       *Query
		Text        string // of the query
	}
	// CreateTable is CREATE TABLE, with columns or AS a query.
	CreateTable struct {
		Name        []string
		Replace     bool
		IfNotExists bool
		Columns     []ColumnDef
		Comment     string
		Properties  map[string]string
		Query       *Query
	}
	// CreateSchema is CREATE SCHEMA; CREATE CATALOG if the name has one part.
	CreateSchema struct {
		Kind        string // SCHEMA or CATALOG
		Name        []string
		IfNotExists bool
		Comment     string
	}
	// Drop is DROP TABLE, VIEW, MATERIALIZED VIEW.
	Drop struct {
		Kind     string // TABLE or VIEW
		Name     []string
		IfExists bool
	}
	// Alter is ALTER TABLE or VIEW.
	Alter struct {
		Kind  string
		Name  []string
		Set   map[string]string
		Unset []string
		Add   []ColumnDef
		Owner string
		Query *Query
		Text  string
	}
	// CommentOn is COMMENT ON.
	CommentOn struct {
		Kind string // TABLE, VIEW, COLUMN, SCHEMA, CATALOG
		Name []string
		Text string
	}
	// Grant is GRANT or REVOKE.
	Grant struct {
		Privileges []string
		Kind       string // TABLE, VIEW, SCHEMA, CATALOG
		Name       []string
		Principal  string
		Revoke     bool
	}
	// Delete is DELETE FROM.
	Delete struct {
		Name  []string
		Where Expr
	}
	// Refresh is REFRESH MATERIALIZED VIEW or STREAMING TABLE.
	Refresh struct{ Name []string }
	// Describe is DESCRIBE TABLE.
	Describe struct{ Name []string }
	// ShowTables is SHOW TABLES IN.
	ShowTables struct{ Schema []string }
)
