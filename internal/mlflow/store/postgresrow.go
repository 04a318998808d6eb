// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqliteread"
)

// postgresSession reads rows where the driver has them. By database/sql each value would be one or two allocations.
type postgresSession struct{ conn *sql.Conn }

func (s postgresSession) query(ctx context.Context, q query, row func() error) error {
	ctx, stop := context.WithCancel(ctx) // ends a query whose rows are not wanted any more
	defer stop()
	return s.conn.Raw(func(conn any) error {
		rows, err := conn.(*stdlib.Conn).Conn().Query(ctx, numbered(q.text), slices.Concat(postgresFormats, q.args)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		r := &postgresRow{}
		next := func() (bool, error) {
			if !rows.Next() {
				return false, rows.Err()
			}
			r.fields, r.values = rows.FieldDescriptions(), rows.RawValues()
			for i, d := range q.dest {
				d.read(r, i)
			}
			return true, nil
		}
		return q.each(next, stop, row)
	})
}

// postgresFormats asks for the numbers that postgresRow knows in binary form, and for everything else as text.
var postgresFormats = []any{pgx.QueryResultFormatsByOID{
	pgtype.BoolOID: pgx.BinaryFormatCode, pgtype.Int2OID: pgx.BinaryFormatCode, pgtype.Int4OID: pgx.BinaryFormatCode,
	pgtype.Int8OID: pgx.BinaryFormatCode, pgtype.Float4OID: pgx.BinaryFormatCode,
	pgtype.Float8OID: pgx.BinaryFormatCode,
}}

// postgresRow is a row of PostgreSQL, valid until the next one.
type postgresRow struct {
	fields []pgconn.FieldDescription
	values [][]byte
}

var _ rowView = (*postgresRow)(nil)

// Kind implements rowView. What is no number is a text.
func (r *postgresRow) Kind(i int) sqliteread.Kind {
	switch {
	case r.values[i] == nil:
		return sqliteread.KindNull
	case r.fields[i].Format != pgx.BinaryFormatCode:
		return sqliteread.KindText
	case r.fields[i].DataTypeOID == pgtype.Float4OID, r.fields[i].DataTypeOID == pgtype.Float8OID:
		return sqliteread.KindFloat
	}
	return sqliteread.KindInteger
}

// Int implements rowView. It is for integers and truth values.
func (r *postgresRow) Int(i int) int64 {
	switch v := r.values[i]; len(v) {
	case 1:
		return int64(v[0])
	case 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case 8:
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

// Float implements rowView. It is for every number.
func (r *postgresRow) Float(i int) float64 {
	switch v := r.values[i]; r.fields[i].DataTypeOID {
	case pgtype.Float4OID:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(v)))
	case pgtype.Float8OID:
		return math.Float64frombits(binary.BigEndian.Uint64(v))
	}
	return float64(r.Int(i))
}

// Text implements rowView.
func (r *postgresRow) Text(i int) []byte { return r.values[i] }

// Blob implements rowView.
func (r *postgresRow) Blob(i int) []byte { return r.values[i] }
