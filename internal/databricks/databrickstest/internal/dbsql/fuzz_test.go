package dbsql

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzStatement reads anything; what can be read can be translated or refused, without a panic.
func FuzzStatement(f *testing.F) {
	body, err := os.ReadFile("testdata/queries.sql")
	require.NoError(f, err)
	for _, q := range strings.Split(string(body), "\n") {
		f.Add(q)
	}
	for _, s := range []string{
		"CREATE OR REPLACE VIEW a.b.c (x COMMENT 'y') TBLPROPERTIES ('k' = 'v') AS SELECT 1", "GRANT SELECT, MODIFY ON TABLE a.b.c TO `x`",
		"ALTER TABLE a.b SET TBLPROPERTIES (a.b = 1)",
		"CREATE TABLE t (a STRUCT<b: ARRAY<MAP<STRING, INT>>> NOT NULL) CLUSTER BY (a)", "DELETE FROM s.spans WHERE attributes:a['b'][0]::INT = 1",
		"COMMENT ON COLUMN a.b.c IS NULL",
	} {
		f.Add(s)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, source string) {
		parsed, err := ParseStatement(source)
		if err != nil {
			require.IsType(t, &Error{}, err)
			return
		}
		q, ok := parsed.(*Query)
		if !ok {
			return
		}
		if _, err := Translate(q, w.env()); err != nil {
			require.IsType(t, &Error{}, err)
		}
	})
}
