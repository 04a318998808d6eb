package dbsql

// Expr is an expression as written.
type Expr interface{}

// The expressions.
type (
	// Literal is a constant: nil, string, int64, float64, bool; of DECIMAL its text.
	Literal struct {
		Value any
		Type  Type
	}
	// Name is a chain of identifiers: column, table.column, column.field …
	Name struct{ Parts []string }
	// Star is * or t.*, with EXCEPT.
	Star struct {
		Of     []string
		Except []string
	}
	// Param is :name.
	Param struct{ Name string }
	// Unary is -x, +x or NOT x.
	Unary struct {
		Op string
		X  Expr
	}
	// Binary is arithmetic, comparison, AND, OR, ||.
	Binary struct {
		Op   string
		L, R Expr
	}
	// Is is IS [NOT] NULL, TRUE, FALSE.
	Is struct {
		X    Expr
		Not  bool
		What string
	}
	// Between is x [NOT] BETWEEN a AND b.
	Between struct {
		X, Low, High Expr
		Not          bool
	}
	// In is x [NOT] IN (list or query).
	In struct {
		X     Expr
		List  []Expr
		Query *Query
		Not   bool
	}
	// Like is LIKE, ILIKE or RLIKE.
	Like struct {
		Op         string
		X, Pattern Expr
		Escape     string
		Not        bool
	}
	// Exists is EXISTS (query).
	Exists struct{ Query *Query }
	// Case is both forms of CASE.
	Case struct {
		Operand Expr
		Whens   []When
		Else    Expr
	}
	// When is a branch of CASE.
	When struct{ If, Then Expr }
	// Cast is CAST, TRY_CAST or ::.
	Cast struct {
		X   Expr
		To  Type
		Try bool
	}
	// Call is a function.
	Call struct {
		Name     string
		Args     []Expr
		Distinct bool
		Star     bool
		Filter   Expr
		Over     *Window
	}
	// Window is OVER (…).
	Window struct {
		Partition []Expr
		Order     []Order
		Frame     string // as SQLite takes it too
	}
	// Index is x[i].
	Index struct{ X, I Expr }
	// Dot is x.field, where x is no name.
	Dot struct {
		X     Expr
		Field string
	}
	// Path is x:a.b[0].
	Path struct {
		X     Expr
		Steps []any // string or int
	}
	// Scalar is a query as a value.
	Scalar struct{ Query *Query }
	// Lambda is (a, b) -> body, an argument of functions over collections.
	Lambda struct {
		Params []string
		Body   Expr
	}
	// Interval is INTERVAL n unit.
	Interval struct {
		N    Expr
		Unit string
	}
)

// Query is a query with its ordering.
type Query struct {
	With     []CTE
	Body     any // *Select, *SetOperation, *Values or *Query
	Order    []Order
	OrderAll bool
	Limit    Expr
	Offset   Expr
}

// CTE is a common table expression.
type CTE struct {
	Name    string
	Columns []string
	Query   *Query
	ctes    map[string]*CTE // what its query sees
}

// Order is an element of ORDER BY.
type Order struct {
	X          Expr
	Descending bool
	Nulls      string // FIRST, LAST or empty
}

// Select is one SELECT.
type Select struct {
	Distinct bool
	Items    []Item
	From     []any // *Table, *Derived, *Join or *LateralView
	Views    []LateralView
	Where    Expr
	Group    []Expr
	GroupAll bool
	Having   Expr
	Qualify  Expr
}

// Item is an element of the SELECT list.
type Item struct {
	X     Expr
	Alias string
}

// SetOperation is UNION, INTERSECT or EXCEPT.
type SetOperation struct {
	Op   string // as SQLite spells it
	L, R any
}

// Values is VALUES (…), (…).
type Values struct{ Rows [][]Expr }

// Table names a table.
type Table struct {
	Parts   []string
	Alias   string
	Columns []string
}

// Derived is a query in FROM.
type Derived struct {
	Query   *Query
	Alias   string
	Columns []string
}

// Join joins two relations.
type Join struct {
	Kind  string // INNER, LEFT, RIGHT, FULL, CROSS, SEMI, ANTI
	L, R  any
	On    Expr
	Using []string
}

// LateralView is LATERAL VIEW [OUTER] explode(x) alias AS columns; in FROM, LATERAL explode(x) AS alias(columns).
type LateralView struct {
	Outer    bool
	Function string
	X        Expr
	Alias    string
	Columns  []string
}
