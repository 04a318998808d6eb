package chain

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestShare(t *testing.T) {
	s := newShare(100)
	require.NoError(t, s.take(t.Context(), 60, 6, false))
	require.NoError(t, s.take(t.Context(), 40, 4, false))
	require.ErrorIs(t, s.take(t.Context(), 1, 1, false), errFull)
	s.give(5)
	require.EqualValues(t, 50, s.used(), "bytes go by their part of the items: a queue that batches keeps the number of those")
	s.give(5)
	require.Zero(t, s.used())
	require.NoError(t, s.take(t.Context(), 1000, 1, false), "a single batch may be larger than the bound")
	require.ErrorIs(t, s.take(t.Context(), 1, 1, false), errFull)
	s.give(7)
	require.Zero(t, s.used(), "no more is given back than was taken")
	s.give(1)
	require.Zero(t, s.used())
}

func TestShareWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShare(100)
		require.NoError(t, s.take(t.Context(), 100, 1, true))
		got := make(chan error, 1)
		go func() { got <- s.take(context.Background(), 50, 1, true) }()
		synctest.Wait()
		require.Empty(t, got)
		s.give(1)
		synctest.Wait()
		require.NoError(t, <-got)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.take(ctx, 51, 1, true)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errFull)

		go func() { got <- s.take(context.Background(), 51, 1, true) }()
		synctest.Wait()
		s.close()
		synctest.Wait()
		require.ErrorIs(t, <-got, errClosed)
		require.ErrorIs(t, s.take(t.Context(), 1, 1, true), errClosed)
	})
}

func TestQuiet(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	log := quiet(zap.New(core)).With(zap.String("k", "v"))
	log.Info("Exporting failed. Will retry the request after interval.")
	log.Error("Exporting failed. Dropping data. Try something.")
	log.Error("Failed getting metadata")
	require.Equal(t, 1, logs.Len())
	require.Equal(t, "v", logs.All()[0].ContextMap()["k"])
}
