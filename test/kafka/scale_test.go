// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/kafkabroker"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// brokerPatience is how long the group may take after a broker was killed: it goes through its log, and the sessions of
// the consumers end first. It is also how long a whole topic may take.
const brokerPatience = 10 * time.Minute

// TestScale is the long form of TestTopic, one part after the other with the same broker. make scale runs it.
func TestScale(t *testing.T) {
	if *killsFlag == 0 {
		t.Skip("make scale runs it: it takes twenty minutes")
	}
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("%d kills, %d and %d traces, seed %d", *killsFlag, *tracesFlag, *manyFlag, seed)
	s, err := newStore(t.TempDir(), *tracesFlag)
	require.NoError(t, err)
	broker := kafkabroker.Start(t, filepath.Join(t.TempDir(), "broker"))
	part := func(name string, s store, test func(t *testing.T, w *world, random *rand.Rand)) {
		t.Run(name, func(t *testing.T) {
			topics(t, broker, name, partitions)
			w := &world{store: s, broker: broker, topic: name, sink: overHTTP(t), dir: t.TempDir()}
			w.sink.CountOnly()
			test(t, w, rand.New(rand.NewPCG(seed, 22)))
		})
	}
	part("large", s, large)
	part("frozen", s, frozen)
	part("blips", s, longBlips)
	part("reshard", s, reshard)
	part("killed", s, killed)
	t.Run("speed", func(t *testing.T) { speed(t, broker) })
}

// victim is what is killed.
type victim int

const (
	theReader victim = iota
	aConsumer
	theBroker
	victims
)

func (v victim) String() string { return [...]string{"reader", "consumer", "broker"}[v] }

// killed: reader, consumers and broker die by kill -9 at random moments of one run and are started again at once.
// Nothing is lost, and no more comes again than was in work.
func killed(t *testing.T, w *world, random *rand.Rand) {
	w.sink.Script(slowly)
	// It reads slowly, so that it lives as long as the others.
	read := func() *collector.Process { return w.reader(t, "--set=receivers::mlflow::traces_per_second=100") }
	reader := read()
	consumers := []*collector.Process{w.refine(t, "first"), w.refine(t, "second")}
	var killed [victims]int
	for i := range *killsFlag {
		from := w.sink.Distinct()
		mark := from + random.IntN(max(1, 2*(w.store.Spans-from)/(*killsFlag-i+1)))
		within(t, brokerPatience, func() bool { return w.sink.Distinct() >= mark }, "it goes on after a kill")
		whom := victim(random.IntN(int(victims)))
		if whom == theReader && reader.Ended() {
			whom = aConsumer
		}
		killed[whom]++
		t.Logf("kill %d: %s, with %d of %d spans delivered", i+1, whom, w.sink.Distinct(), w.store.Spans)
		switch whom {
		case theReader:
			reader.Kill()
			reader = read()
		case aConsumer:
			n := random.IntN(len(consumers))
			consumers[n].Kill()
			consumers[n] = w.refine(t, "consumer-"+strconv.Itoa(i))
		case theBroker:
			w.broker.Kill()
			w.broker.Restart()
		}
	}
	require.Zero(t, reader.WaitFor(brokerPatience), "%s", reader.Logs())
	w.arrived(t, brokerPatience)
	repeated := otlpsink.Repeated(w.sink.Spans())
	t.Logf("killed: %d reader, %d consumer, %d broker; %d of %d traces came again", killed[theReader],
		killed[aConsumer], killed[theBroker], repeated, *tracesFlag)
	require.LessOrEqual(t, repeated, killed[theReader]*readerAtRisk+killed[aConsumer]*pollAtRisk+
		killed[theBroker]*(readerAtRisk+pollAtRisk))
}
