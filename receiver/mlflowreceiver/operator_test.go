// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadatatest"
)

// value is the newest value of a metric, of a data point with an attribute if one is named; -1 where there is none.
func value(tel *componenttest.Telemetry, name, attribute string) float64 {
	m, err := tel.GetMetric(name)
	if err != nil {
		return -1
	}
	switch data := m.Data.(type) {
	case metricdata.Gauge[float64]:
		return data.DataPoints[0].Value
	case metricdata.Sum[int64]:
		return float64(data.DataPoints[0].Value)
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			if v, _ := p.Attributes.Value("age"); v.AsString() == attribute {
				return float64(p.Value)
			}
		}
	}
	return -1
}

// What an operator sees of a followed source: traces that wait, by age, how often traces were looked at again, how old
// the position is and when the source is asked next; in the report, too.
func TestWhatTheOperatorSees(t *testing.T) {
	f := newTailing(t, "3.17.2", ModeBackfillThenTail, 2)
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	f.set = metadatatest.NewSettings(tel)
	began := time.Now()
	last := f.run(t, func() {
		f.wait(t, 2)
		f.write("1", func(x *mlflowtest.Trace) { x.State = "IN_PROGRESS" })
		require.Eventually(t, func() bool {
			return value(tel, "otelcol_receiver_mlflow_traces_revisited", "") > 1
		}, time.Minute, 10*time.Millisecond)
		require.InDelta(t, 1, value(tel, "otelcol_receiver_mlflow_traces_pending_ages", "up_to_1m"), 0)
		require.Zero(t, value(tel, "otelcol_receiver_mlflow_traces_pending_ages", "over_1d"))
		for _, name := range []string{"position_age", "lag", "next_look"} {
			seconds := value(tel, "otelcol_receiver_mlflow_"+name, "")
			require.GreaterOrEqual(t, seconds, 0.0, name)
			require.LessOrEqual(t, seconds, time.Since(began).Seconds()+60, name)
		}
	})
	for i := range last.Experiments {
		a := &last.Experiments[i]
		require.False(t, a.Settled.Before(began), a.Experiment.Name)
		if a.Experiment.ID == "1" {
			require.Equal(t, progress.Ages{Minute: 1}, a.Waiting)
		}
	}
}
