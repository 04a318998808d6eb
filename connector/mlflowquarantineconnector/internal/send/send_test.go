// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

func unitOf(ctx context.Context) *progress.Unit { return progress.UnitOf(ctx) }

// test runs f in time that passes as soon as everything waits.
func test(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld()) })
}

func TestAllAccepted(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		td := message("1", from(1, 50)...)
		require.NoError(t, w.Deliver(t.Context(), td))
		require.Equal(t, 1, w.calls)
		w.once(t, from(1, 50))
		_, changed := td.ResourceSpans().At(0).Resource().Attributes().Get("changed")
		require.False(t, changed, "what was handed over is not changed")
		require.NoError(t, w.Deliver(t.Context(), ptrace.NewTraces()))
	})
}

// One trace of a batch is refused for good, wherever it is: it alone is set aside after two refusals, reject_after
// apart. Another one is sent twice only where none of the batch is left to be accepted around the second refusal.
func TestOneOfABatch(t *testing.T) {
	for bad := 1; bad <= 50; bad++ {
		test(t, func(t *testing.T, w *world) {
			w.answer = without(bad)
			require.NoError(t, w.Deliver(t.Context(), message("1", from(1, 50)...)))
			if bad == 1 || bad >= 49 { // the first one that is sent alone, and those that are kept back
				require.LessOrEqual(t, w.repeated, 3)
				for id := range w.accepted {
					w.accepted[id] = 1
				}
			} else {
				require.Zero(t, w.repeated)
			}
			w.once(t, from(1, 50), bad)
			require.GreaterOrEqual(t, w.since(), rejectAfter)
			require.Less(t, w.since(), 2*rejectAfter+10*time.Second)
			require.NoError(t, w.stuck)
		})
	}
}

// A batch of one trace, of which nothing else is under way, is judged by a trace that the destination has.
func TestAlone(t *testing.T) {
	for _, x := range []struct {
		experiment string
		most       time.Duration
		repeated   int
	}{{"1", rejectAfter, 3}, {"2", 2 * rejectAfter, 4}} {
		test(t, func(t *testing.T, w *world) {
			w.answer = without(2)
			require.NoError(t, w.Deliver(t.Context(), message("1", 1)))
			require.NoError(t, w.Deliver(t.Context(), message(x.experiment, 2)))
			require.GreaterOrEqual(t, w.since(), x.most)
			require.Less(t, w.since(), x.most+10*time.Second)
			require.LessOrEqual(t, w.repeated, x.repeated)
			w.accepted[1] -= w.repeated
			w.once(t, from(1, 2), 2)
		})
	}
}

// Where calls take long, one that is refused for good is judged once more, reject_after later.
func TestSlowDestination(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.slow = 2 * time.Second
		w.answer = without(5)
		require.NoError(t, w.Deliver(t.Context(), message("1", from(1, 20)...)))
		require.GreaterOrEqual(t, w.since(), 2*rejectAfter)
		require.Less(t, w.since(), 4*rejectAfter)
		require.LessOrEqual(t, w.repeated, 2)
		for id := range w.accepted {
			w.accepted[id] = 1
		}
		w.once(t, from(1, 20), 5)
	})
}

// While the destination takes nothing, nothing is set aside, however long that takes.
func TestNothingPasses(t *testing.T) {
	for _, size := range []int{1, 20} {
		for _, before := range []bool{false, true} {
			t.Run(fmt.Sprint(size, before), func(t *testing.T) {
				test(t, func(t *testing.T, w *world) {
					if before {
						require.NoError(t, w.Deliver(t.Context(), message("1", 1000)))
					}
					begin := time.Now()
					w.answer = func([]int) error {
						if time.Since(begin) < time.Hour {
							return consumererror.NewPermanent(errBad)
						}
						return nil
					}
					var wg sync.WaitGroup
					for i := range 4 {
						wg.Go(func() {
							ids := from(i*size+1, (i+1)*size)
							if err := w.Deliver(t.Context(), message("1", ids...)); err != nil {
								t.Error(err)
							}
						})
					}
					<-time.After(30 * time.Minute)
					synctest.Wait()
					w.mu.Lock()
					require.ErrorIs(t, w.stuck, errBad)
					require.Empty(t, w.letters)
					w.mu.Unlock()
					wg.Wait()
					require.Less(t, w.since(), time.Hour+2*time.Minute)
					require.NoError(t, w.stuck)
					require.Less(t, w.calls, 500, "one probe per interval")
					delete(w.accepted, 1000)
					w.once(t, from(1, 4*size))
				})
			})
		}
	}
}

// A blip of any kind sets nothing aside, and traffic goes on soon after it.
func TestBlips(t *testing.T) {
	for _, size := range []int{1, 20} {
		for _, seconds := range []int{1, 2, 4, 8, 15} {
			for _, blip := range []error{consumererror.NewPermanent(errBad), errBusy} {
				t.Run(fmt.Sprint(size, seconds, blip), func(t *testing.T) {
					test(t, func(t *testing.T, w *world) {
						length := time.Duration(seconds) * time.Second
						w.answer = func([]int) error {
							if s := w.since(); s >= time.Second && s < time.Second+length {
								return blip
							}
							return nil
						}
						const batches = 120
						w.stream(t, 6, batches, size, "1")
						require.Less(t, w.since(), 2*length+20*time.Second)
						for id, n := range w.accepted {
							require.GreaterOrEqual(t, n, 1, id)
						}
						require.Len(t, w.accepted, batches*size)
						require.Empty(t, w.letters)
						extra := -batches * size
						for _, n := range w.accepted {
							extra += n
						}
						require.LessOrEqual(t, extra, w.repeated)
						require.LessOrEqual(t, w.repeated, 2)
					})
				})
			}
		}
	}
}

// stream delivers batches through as many partitions at a time. What comes back with an error is delivered again, as
// the kafka receiver does.
func (w *world) stream(t *testing.T, partitions, batches, size int, experiment string) {
	t.Helper()
	var wg sync.WaitGroup
	for p := range partitions {
		wg.Go(func() {
			for b := p; b < batches; b += partitions {
				<-time.After(w.pause)
				for {
					err := w.Deliver(t.Context(), message(experiment, from(b*size+1, (b+1)*size)...))
					if err == nil {
						break
					}
					if consumererror.IsPermanent(err) {
						t.Error("a permanent error came back", err)
						return
					}
					<-time.After(time.Second)
				}
			}
		})
	}
	wg.Wait()
}

// Whatever is refused for good at random, each trace is delivered or set aside, and no trace but the bad ones is set
// aside. Only what the sender counts as repeated is accepted twice.
func TestRandomRefusals(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			test(t, func(t *testing.T, w *world) {
				random := rand.New(rand.NewPCG(seed, 22))
				size, batches := 1+random.IntN(12), 1+random.IntN(30)
				partitions := 1 + random.IntN(4)
				rate := []float64{0.02, 0.2, 0.6}[random.IntN(3)]
				var bad []int
				for id := 1; id <= size*batches; id++ {
					if random.Float64() < rate {
						bad = append(bad, id)
					}
				}
				var blips [][2]time.Duration
				for range random.IntN(4) {
					at := time.Duration(random.IntN(120)) * time.Second
					blips = append(blips, [2]time.Duration{at, at + time.Duration(1+random.IntN(15))*time.Second})
				}
				refuses := without(bad...)
				w.answer = func(ids []int) error {
					for i, b := range blips {
						if s := w.since(); s >= b[0] && s < b[1] {
							if i%2 == 0 {
								return errBusy
							}
							return consumererror.NewPermanent(errBad)
						}
					}
					return refuses(ids)
				}
				dead := 0
				w.dead = func([]int) error { // each second dead letter is not accepted at first
					if dead++; dead%2 == 0 {
						return consumererror.NewPermanent(errBad)
					}
					return nil
				}
				require.NoError(t, w.Deliver(t.Context(), message("1", 0))) // it takes something at all
				w.stream(t, partitions, batches, size, "1")
				again := 0
				for id, n := range w.accepted {
					again += n - 1
					w.accepted[id] = 1
				}
				require.GreaterOrEqual(t, w.repeated, again)
				w.once(t, from(0, size*batches), bad...)
			})
		})
	}
}

// An experiment that is refused as a whole is set aside while others pass.
func TestExperimentIsRefused(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.answer = without(from(1, 20)...)
		td := message("bad", from(1, 20)...)
		message("good", from(21, 40)...).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		require.NoError(t, w.Deliver(t.Context(), td))
		require.Less(t, w.since(), 3*rejectAfter)
		for id := range w.accepted {
			w.accepted[id] = 1
		}
		w.once(t, from(1, 40), from(1, 20)...)
	})
}

// An error that passes, of one branch, is not permanent for the batch.
func TestErrorThatPasses(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.answer = func([]int) error { return errors.Join(errBusy, consumererror.NewPermanent(errBad)) }
		err := w.Deliver(t.Context(), message("1", from(1, 3)...))
		require.ErrorContains(t, err, "503")
		require.False(t, consumererror.IsPermanent(err))
		require.Equal(t, 1, w.calls)
		require.NoError(t, w.stuck)
	})
}

// What a destination stored only a part of is set aside, and not sent again.
func TestPartialSuccess(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		w.partial = func(ids []int) int64 {
			if slices.Contains(ids, 2) {
				return 1
			}
			return 0
		}
		require.NoError(t, w.Deliver(t.Context(), message("1", from(1, 3)...)))
		require.NoError(t, w.Deliver(t.Context(), message("1", 4)))
		require.Equal(t, map[int]int{1: 1, 2: 1, 3: 1}, w.letters)
		require.Equal(t, map[int]int{1: 1, 2: 1, 3: 1, 4: 1}, w.accepted)
		require.Equal(t, 2, w.calls)
	})
}

// A trace that one destination stores in part and another one refuses for good is set aside alone: its batch does not
// go again and again.
func TestPartialSuccessAndRefusal(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		take := w.Settings.Deliver
		w.Settings.Deliver = func(ctx context.Context, td ptrace.Traces) error {
			if slices.Contains(idsOf(td), 3) {
				unitOf(ctx).Reject(1, "too long")
				return consumererror.NewPermanent(errBad)
			}
			return take(ctx, td)
		}
		require.NoError(t, w.Deliver(t.Context(), message("1", from(1, 10)...)))
		w.once(t, from(1, 10), 3)
	})
}

// Traces that a partial error names are the only ones that are sent again.
func TestPartialError(t *testing.T) {
	test(t, func(t *testing.T, w *world) {
		first := true
		w.answer = func(ids []int) error {
			if slices.Contains(ids, 5) && len(ids) > 1 && first {
				return consumererror.NewPermanent(errBad)
			}
			if slices.Contains(ids, 3) && len(ids) > 1 && len(ids) < 8 {
				first = false
				for _, id := range ids {
					if id != 3 {
						w.accepted[id]++
					}
				}
				return consumererror.NewTraces(errBusy, message("1", 3))
			}
			return nil
		}
		require.NoError(t, w.Deliver(t.Context(), message("1", from(1, 8)...)))
		w.once(t, from(1, 8))
	})
}

// A batch that waits is given back when its partition is lost or the connector stops, and others can go on.
func TestGivenBack(t *testing.T) {
	lost := errors.New("the partition is lost")
	for _, size := range []int{1, 10} {
		for _, stop := range []bool{false, true} {
			test(t, func(t *testing.T, w *world) {
				w.answer = without(1)
				w.dead = func([]int) error { return errBusy }
				require.NoError(t, w.Deliver(t.Context(), message("1", 1000)))
				for _, after := range []time.Duration{10 * time.Millisecond, time.Second, 5 * time.Second,
					20 * time.Second, 45 * time.Second, 5 * time.Minute} {
					ctx, cancel := context.WithCancelCause(t.Context())
					result := make(chan error, 1)
					go func() { result <- w.Deliver(ctx, message("1", from(1, size)...)) }()
					<-time.After(after)
					if stop {
						w.Stop()
						require.ErrorIs(t, errors.Unwrap(fmt.Errorf("%w", <-result)), errStopped)
						cancel(nil)
						return
					}
					cancel(lost)
					err := <-result
					require.ErrorContains(t, err, lost.Error())
					require.False(t, consumererror.IsPermanent(err))
					require.Zero(t, w.held)
					require.Empty(t, w.watched)
					require.False(t, w.breaker.Probing)
				}
				require.NoError(t, w.Deliver(t.Context(), message("1", 2000)))
			})
		}
	}
}
