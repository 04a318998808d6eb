package store

import (
	"context"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Scan runs the queries that Traces runs for these traces, at most 500 of a store that holds spans and assessments, and drops every row. It is the null reader
// that benchmarks hold Traces against. It reads through database/sql, as it did before the store had a reader of its own, so that figures of different
// versions can be compared.
func (s *Store) Scan(ctx context.Context, infos []mlflow.Info) error {
	list := idList(infos)
	for _, q := range []query{
		s.infoQuery(list, new(infoRow)), s.pairsQuery("trace_tags", list, new(pairRow)), s.pairsQuery("trace_request_metadata", list, new(pairRow)),
		s.assessmentsQuery(list, new(assessmentRow)), s.spansQuery(list, new(scannedSpan)),
	} {
		if err := s.drop(ctx, q); err != nil {
			return err
		}
	}
	return nil
}
