// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Scan runs the queries that Traces runs for these traces, at most 500 of a store that holds spans
// and assessments, and drops every row. It is the null reader that benchmarks hold Traces against, of
// every database: on a server each query is a transaction of its own.
// It reads through database/sql and stays as it is, so that figures of different versions can be
// compared.
func (s *Store) Scan(ctx context.Context, infos []mlflow.Info) error {
	list := s.listOf(infos)
	for _, q := range []query{
		s.infoQuery(list, new(infoRow)), s.pairsQuery("trace_tags", list, new(pairRow)),
		s.pairsQuery("trace_request_metadata", list, new(pairRow)), s.assessmentsQuery(list, new(assessmentRow)),
		s.spansQuery(list, new(scannedSpan)),
	} {
		if err := s.retry(ctx, func() error { return s.drop(ctx, q) }); err != nil {
			return fmt.Errorf("reading %s: %w", s.name, err)
		}
	}
	return nil
}

// drop runs a query through database/sql and drops its rows.
func (s *Store) drop(ctx context.Context, q query) error {
	dest := make([]any, len(q.dest))
	for i, d := range q.dest {
		dest[i] = d
	}
	rows, err := s.sql.QueryContext(ctx, s.d.bind(q.text), q.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
	}
	return rows.Err()
}
