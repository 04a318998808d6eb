// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// Values of every type are read from the bytes of PostgreSQL as they are by database/sql.
func TestPostgresRow(t *testing.T) {
	formats := postgresFormats[0].(pgx.QueryResultFormatsByOID)
	types := pgtype.NewMap()
	for _, c := range []struct {
		oid           uint32
		value, driver any // driver is what database/sql hands to a Scanner
	}{
		{pgtype.BoolOID, true, true},
		{pgtype.BoolOID, false, false},
		{pgtype.Int2OID, int16(-2), int64(-2)},
		{pgtype.Int4OID, int32(math.MinInt32), int64(math.MinInt32)},
		{pgtype.Int8OID, int64(math.MinInt64), int64(math.MinInt64)},
		{pgtype.Int8OID, int64(math.MaxInt64), int64(math.MaxInt64)},
		{pgtype.Float4OID, float32(1.5), float64(1.5)},
		{pgtype.Float8OID, 1e300, 1e300},
		{pgtype.NumericOID, "9007199254740993", "9007199254740993"},
		{pgtype.TextOID, "", ""},
		{pgtype.VarcharOID, "Zürich", "Zürich"},
		{pgtype.VarcharOID, "42", "42"},
		{pgtype.TextOID, nil, nil},
		{pgtype.Int8OID, nil, nil},
	} {
		var raw []byte
		if c.value != nil {
			var err error
			raw, err = types.Encode(c.oid, formats[c.oid], c.value, []byte{})
			require.NoError(t, err)
		}
		r := &postgresRow{fields: []pgconn.FieldDescription{{DataTypeOID: c.oid, Format: formats[c.oid]}},
			values: [][]byte{raw}}
		for _, d := range [][2]destination{{&text{}, &text{}}, {&integer{}, &integer{}}, {&real{}, &real{}}} {
			if _, ok := c.value.(bool); ok {
				if _, ok := d[0].(*integer); !ok {
					continue // truth values are read as integers only
				}
			}
			d[0].read(r, 0)
			require.NoError(t, d[1].Scan(c.driver))
			require.Equal(t, d[1], d[0], "%v as %T", c.value, d[0])
		}
	}
}
