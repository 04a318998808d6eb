// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/faults"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// A network that breaks every fourth request to a real server and to the destination costs nothing: what
// arrives is what arrives without it.
func TestTroubleBeforeAServer(t *testing.T) {
	t.Parallel()
	s := need(t, database)
	deliver := func(t *testing.T, share float64) (map[otlpsink.SpanKey]int, string) {
		sink, dir := otlpsink.New(t), t.TempDir()
		from, to := faults.NewProxy(t, s.URL), faults.NewProxy(t, sink.URL)
		from.Script(faults.Random(1, share, faults.Trouble))
		to.Script(faults.Random(2, share, faults.Trouble))
		c := quick(collector.Backfill(from.URL, dir).ToOTLP(to.URL, nil)).
			Set("receivers::mlflow::experiments::names", s.Names).Set("receivers::mlflow::max_skipped", "20%").
			Set("receivers::mlflow::page_size", 10)
		p := collector.Run(t, dir, c, 0)
		broken, asked := from.Faults()
		t.Logf("%d of %d requests to the server were broken", broken, asked)
		require.Equal(t, share > 0, broken > 0)
		return sink.Spans(), p.Out()
	}
	want, out := deliver(t, 0)
	got, outTrouble := deliver(t, 0.25)
	for k := range got {
		got[k] = want[k] // what was taken before its answer was lost arrives again
	}
	assert.Equal(t, want, got)
	assert.Equal(t, out[:len("complete: ")], outTrouble[:len("complete: ")])
}
