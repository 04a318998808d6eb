// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal/refusaltest"
)

// pipelineAnswer is what a stock OTLP exporter makes of an answer of its destination. The record of
// all answers is made with the real exporters, by the package answers of the module test.
type pipelineAnswer struct {
	Exporter, Answer, Code, Message string
	Repeats, Permanent              bool
}

func pipelineAnswers(t *testing.T) (list []pipelineAnswer) {
	t.Helper()
	text, err := os.ReadFile("testdata/answers.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &list))
	require.NotEmpty(t, list)
	return list
}

// error is the error that the exporter returns.
func (a pipelineAnswer) error(t *testing.T) error {
	t.Helper()
	err := errors.New(a.Message)
	if a.Code != "" {
		var code codes.Code
		require.NoError(t, code.UnmarshalJSON(fmt.Appendf(nil, "%q", screaming(a.Code))))
		err = status.Error(code, a.Message)
	}
	if a.Permanent {
		err = consumererror.NewPermanent(err)
	}
	return err
}

// screaming writes the name of a code as its JSON form does: PermissionDenied as PERMISSION_DENIED.
func screaming(name string) string {
	var out []byte
	for i, c := range []byte(name) {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				out = append(out, '_')
			}
		} else {
			c -= 'a' - 'A'
		}
		out = append(out, c)
	}
	return string(out)
}

// A destination that answers anything else than success for 1 to 15 seconds loses nothing, and
// nothing is rejected.
func TestBlips(t *testing.T) {
	for _, a := range pipelineAnswers(t) {
		for _, source := range []struct {
			name  string
			pause time.Duration // before each trace
		}{{"a store", 0}, {"a server", 50 * time.Millisecond}} {
			for _, seconds := range []int{1, 2, 4, 8, 15} {
				name := fmt.Sprintf("%s %s for %d s from %s", a.Exporter, a.Answer, seconds, source.name)
				t.Run(name, func(t *testing.T) {
					w := newWorld(2, 80)
					w.source.pause = source.pause
					begin := epoch.Add(10 * source.pause)
					end := begin.Add(time.Duration(seconds) * time.Second)
					refused := 0
					err := w.run(t, w.settings(func(ctx context.Context, _ string, _ []string) error {
						switch now := time.Now(); {
						case now.Before(begin) || !now.Before(end):
							return nil
						case a.Repeats:
							w.count(&refused)
							sleep(ctx, end.Sub(now))
							return ctx.Err()
						}
						w.count(&refused)
						return a.error(t)
					}))
					require.NoError(t, err)
					v := w.verdict(t, err)
					require.True(t, v.Complete, v.Problems)
					require.Positive(t, refused)
					require.Empty(t, w.listed)
					require.Len(t, w.got, 160)
				})
			}
		}
	}
}

// count adds one to a number that the calls of a run share.
func (w *world) count(n *int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*n++
}

// However many blips of permanent errors follow each other, only what is refused for good is rejected.
func TestManyBlips(t *testing.T) {
	for _, after := range []time.Duration{3 * time.Second, 30 * time.Second} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprint(after, seed), func(t *testing.T) {
				manyBlips(t, after, rand.New(rand.NewPCG(seed, 23)))
			})
		}
	}
}

func manyBlips(t *testing.T, after time.Duration, random *rand.Rand) {
	blips := refusaltest.NewBlips(random, 30)
	pause := refusaltest.Between(random, 500*time.Millisecond,
		[]time.Duration{1000, 3000, 8000}[random.IntN(3)]*time.Millisecond)
	w := newWorld(1+random.IntN(2), int(3*blips.End()/pause))
	w.source.pause = pause
	want := map[string]mlflow.Reason{}
	for range []int{0, 3}[random.IntN(2)] {
		want[fmt.Sprintf("tr-1-%04d", random.IntN(len(w.source.infos["1"])))] = progress.Rejected
	}
	refuses := refuse(slices.Collect(maps.Keys(want))...)
	slow := refusaltest.Between(random, 5*time.Millisecond, 300*time.Millisecond)
	s := w.settings(slowly(slow, func(ctx context.Context, x string, ids []string) error {
		if blips.At(time.Since(epoch)) {
			return consumererror.NewPermanent(errors.New("bad data"))
		}
		return refuses(ctx, x, ids)
	}))
	s.PageSize = 1 + random.IntN(20)
	s.RejectAfter = after
	require.NoError(t, w.run(t, s))
	for id := range w.listed {
		require.Contains(t, want, id)
	}
}
