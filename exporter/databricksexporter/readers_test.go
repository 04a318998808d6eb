// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
)

// sharing says that four processes share a backfill.
type sharing struct {
	component.StartFunc
	component.ShutdownFunc
}

func (sharing) Readers(component.ID) int { return 4 }

// traces_per_second is the bound of all processes that share a backfill: a request of one of four holds a
// tenth of the traces of a fourth.
func TestReadersShareTracesPerSecond(t *testing.T) {
	for name, tc := range map[string]struct {
		perSecond  float64
		extensions []component.Component
		most       int
	}{
		"alone":              {200, nil, 20},
		"one of four":        {200, []component.Component{sharing{}}, 5},
		"one of four, all":   {0, []component.Component{sharing{}}, 0},
		"alone, all of them": {0, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configure(workspace(t))
			cfg.TracesPerSecond = tc.perSecond
			e, err := unchecked.createTraces(t.Context(), exportertest.NewNopSettings(metadata.Type), cfg)
			require.NoError(t, err)
			require.NoError(t, e.Start(t.Context(), newHost(tc.extensions...)))
			most := e.(tracesExporter).router.Queues[0].Sender().Pacer.Most()
			require.NoError(t, e.Shutdown(t.Context()))
			require.Equal(t, tc.most, most)
		})
	}
}
