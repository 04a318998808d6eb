// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/kafkabroker"
)

// speed measures what the detour through a topic costs: a direct run, a reader that fills a topic, and groups of one,
// two and three consumers that deliver it, each with the same traces and a destination that takes everything at once.
func speed(t *testing.T, broker *kafkabroker.Broker) {
	s, err := newStore(t.TempDir(), *manyFlag)
	require.NoError(t, err)
	var table strings.Builder
	sink := overHTTP(t)
	sink.CountOnly()
	direct := measured{began: time.Now(), processes: []*collector.Process{startDirect(t, s, sink.URL)}}
	direct.end(t, 0)
	direct.row(&table, "direct", direct)
	for _, partitions := range []int32{6, 24} {
		topic := fmt.Sprintf("speed-%d", partitions)
		topics(t, broker, topic, partitions)
		w := &world{store: s, broker: broker, topic: topic, sink: overHTTP(t), dir: t.TempDir()}
		reading := measured{began: time.Now(), processes: []*collector.Process{
			w.reader(t, "--set=receivers::mlflow::page_size=500")}}
		reading.end(t, 0)
		reading.row(&table, fmt.Sprintf("reader, %d partitions", partitions), direct)
		for n := 1; n <= 3; n++ {
			w.sink = overHTTP(t)
			w.sink.CountOnly()
			w.groupName = fmt.Sprintf("%s-%d", topic, n)
			refining := measured{began: time.Now()}
			for i := range n {
				refining.processes = append(refining.processes, w.refine(t, fmt.Sprintf("refine-%d-of-%d", i, n)))
			}
			w.arrived(t, brokerPatience)
			refining.end(t, syscall.SIGTERM)
			refining.row(&table, fmt.Sprintf("consumers, %d partitions, %d", partitions, n), direct)
		}
	}
	t.Logf("%d traces\n%-32s %9s %9s %9s %9s\n%s", *manyFlag, "", "traces/s", "of direct", "us CPU", "of direct",
		table.String())
}

// measured is a run of some processes.
type measured struct {
	processes []*collector.Process
	began     time.Time
	took, cpu time.Duration
}

// end waits for the end of the processes, which a signal asks for. The time until the signal counts.
func (m *measured) end(t *testing.T, s syscall.Signal) {
	t.Helper()
	m.took = time.Since(m.began)
	for _, p := range m.processes {
		if s != 0 {
			p.Signal(s)
		}
		require.Zero(t, p.WaitFor(brokerPatience), "%s", p.Logs())
		m.cpu += p.CPU()
	}
	if s == 0 {
		m.took = time.Since(m.began)
	}
}

// row adds traces a second and CPU for a trace, and both as multiples of those of a direct run.
func (m *measured) row(table *strings.Builder, name string, direct measured) {
	n := float64(*manyFlag)
	fmt.Fprintf(table, "%-32s %9.0f %9.2f %9.0f %9.2f\n", name, n/m.took.Seconds(),
		direct.took.Seconds()/m.took.Seconds(), m.cpu.Seconds()*1e6/n, m.cpu.Seconds()/direct.cpu.Seconds())
}

// startDirect starts a run without a topic: it reads, refines and delivers in one process.
func startDirect(t *testing.T, s store, endpoint string) *collector.Process {
	t.Helper()
	dir := t.TempDir()
	direct := collector.Backfill("sqlite:///"+s.Path, dir).ToOTLP(endpoint, nil).
		Set("processors::genai", map[string]any{}).Set("service::pipelines::traces::processors", []any{"genai"})
	return startWith(t, dir, direct, "--config", prices)
}
