// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadata"
)

// published counts the reports.
type published struct {
	progress.Sink
	n int
}

func (p *published) Publish(progress.Run) { p.n++ }

// A process that has nothing left to do says so once an hour, and a tail writes its report every minute
// while it waits.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		set := receivertest.NewNopSettings(metadata.Type)
		set.Logger = zap.New(core)
		r := &mlflowReceiver{cfg: configure(), set: set, stop: make(chan struct{})}
		ended := make(chan struct{})
		go func() { r.idle(); close(ended) }()
		f := &follower{mlflowReceiver: r, published: time.Now()}
		reports := &published{}
		f.sink = reports
		require.True(t, f.waitUntil(time.Now().Add(3*time.Hour+time.Second)))
		require.Equal(t, 180, reports.n)
		require.Equal(t, 3, logs.FilterMessageSnippet("Nothing is left to do").Len())
		close(r.stop)
		<-ended
		require.False(t, f.waitUntil(time.Now().Add(time.Hour)))
	})
}
