package rawlite

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuery(t *testing.T) {
	c, err := Open("file:../../../../testdata/sample/mlflow.db?mode=ro", "query_only(1)")
	require.NoError(t, err)
	defer c.Close()
	var got []string
	row := func(r *Row) error {
		got = append(got, string(r.Bytes(1)))
		require.Equal(t, Integer, r.Kind(0))
		require.Equal(t, Null, r.Kind(2))
		require.Equal(t, 0.5, r.Float(3))
		return nil
	}
	for range 2 {
		require.NoError(t, c.Query(t.Context(), "SELECT ?1 + key, value, NULL, 0.5 FROM json_each(?2)", []any{1, `["a","é"]`}, row))
	}
	require.Equal(t, []string{"a", "é", "a", "é"}, got)
	require.ErrorContains(t, c.Query(t.Context(), "SELECT nope", nil, row), "no such column")

	ctx, cancel := context.WithCancel(t.Context())
	endless := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
	n := 0
	err = c.Query(ctx, endless, nil, func(*Row) error {
		if n++; n == 100 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	enough := errors.New("enough")
	require.ErrorIs(t, c.Query(t.Context(), endless, nil, func(*Row) error { return enough }), enough)
	_, err = Open("file:none?mode=ro")
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 14, e.Code()&0xff)
}
