// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConcurrent writes, reads by SQL, looks at tables and changes grants and switches at the same
// time; nothing is lost.
func TestConcurrent(t *testing.T) {
	w := ready(t)
	w.AddPrincipal("u")
	const writers, requests = 4, 25
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for n := range requests {
				got := post(t, w, "/api/2.0/otel/v1/traces", spansTable, spans(t, byte(i), byte(n)))
				if got.status != 200 {
					t.Errorf("%d: %s", got.status, got.body)
				}
			}
		})
		all.Go(func() {
			for range requests {
				body := []byte(`{"statement":"SELECT count(*) FROM cat.sch.pre_otel_spans","warehouse_id":"wh123"}`)
				got := send(t, "POST", w.URL()+"/api/2.0/sql/statements", AdminToken, nil, body)
				if got.status != 200 {
					t.Errorf("%d: %s", got.status, got.body)
				}
			}
		})
	}
	all.Go(func() {
		for n := range requests {
			w.Set(func(s *Switches) { s.MaxBody = 1<<20 + n })
			w.Grant("u", spansTable, "SELECT")
			w.Rows(spansTable)
			w.Table(spansTable)
			w.Requests()
			w.Ingested(spansTable)
			w.Statements()
			w.Granted("u", spansTable)
		}
	})
	all.Wait()
	require.Len(t, w.Rows(spansTable), 2*writers*requests)
	ids := map[any]bool{}
	for _, r := range w.Rows(spansTable) {
		ids[r["record_id"]] = true
	}
	require.Len(t, ids, 2*writers*requests)
	rows, err := ask(t, w, "SELECT count(*) FROM cat.sch.pre_otel_spans")
	require.NoError(t, err)
	require.Equal(t, [][]string{{strconv.Itoa(2 * writers * requests)}}, rows)
}
