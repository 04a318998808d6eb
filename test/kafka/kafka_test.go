// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package kafka tests config/kafka-reader.yaml and config/kafka-refine.yaml with a broker of Apache Kafka, the
// distribution for them, and a store that MLflow made.
package kafka

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/kafkabroker"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

const (
	patience   = 2 * time.Minute // how long something that must happen may take on a busy machine
	often      = 5 * time.Millisecond
	traces     = 2000
	partitions = 6
	unit       = 20 // traces that the reader sends at once
	workers    = 2  // of the reader
)

// Sizes of TestScale. make scale sets them.
var (
	killsFlag  = flag.Int("kills", 0, "how often something is killed")
	tracesFlag = flag.Int("traces", 20_000, "how many traces there are")
	manyFlag   = flag.Int("many", 200_000, "how many traces the speed is measured with")
	seedFlag   = flag.Uint64("seed", 1, "of everything that is random; 0 takes one from the clock")
)

func TestMain(m *testing.M) {
	if _, err := os.Stat(collector.Kafka()); err != nil {
		fmt.Fprintln(os.Stderr, "run make kafka first:", err)
		os.Exit(1)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // they mostly wait
		panic(err)
	}
	os.Exit(m.Run())
}

// store is what bulk_store.py says about a store that it made.
type store struct {
	Path  string `json:"path"`
	Spans int    `json:"spans"`
}

func newStore(dir string, traces int) (s store, err error) {
	out, err := mlflowserver.Script(mlflowserver.Database, nil, "bulk_store.py", strconv.Itoa(traces), dir)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(out, &s)
}

// destination is where collectors deliver to, and the exporter for it.
type destination struct {
	*otlpsink.Sink
	exporter, endpoint string
	variable           string // that names the endpoint in config/kafka-refine.yaml
}

// world is a store, a broker with a topic, and a destination.
type world struct {
	store  store
	broker *kafkabroker.Broker
	topic  string
	sink   destination
	dir    string

	groupName string // empty: one for each topic
}

// group is the name of the group in config/kafka-refine.yaml.
func (w *world) group() string { return cmp.Or(w.groupName, "refine-"+w.topic) }

// reader starts config/kafka-reader.yaml, again after a stop with what it had stored.
func (w *world) reader(t *testing.T, args ...string) *collector.Process {
	t.Helper()
	return w.readerIn(t, "reader", args...)
}

// readerIn is reader with a folder of another name.
func (w *world) readerIn(t *testing.T, name string, args ...string) *collector.Process {
	t.Helper()
	return w.start(t, "kafka-reader", name, append([]string{
		"--set=receivers::mlflow::page_size=" + strconv.Itoa(unit),
		"--set=receivers::mlflow::concurrency=" + strconv.Itoa(workers)}, args...)...)
}

// prices are added to each configuration that refines.
var prices = filepath.Join("config", "prices-example.yaml")

// refine starts config/kafka-refine.yaml with prices.
func (w *world) refine(t *testing.T, name string, args ...string) *collector.Process {
	t.Helper()
	retry := "--set=exporters::" + w.sink.exporter + "::retry_on_failure::"
	return w.start(t, "kafka-refine", name, append([]string{"--config", prices,
		"--set=service::telemetry::metrics::level=none", "--set=service::telemetry::metrics::readers=[]",
		retry + "initial_interval=100ms", retry + "max_interval=500ms",
		"--set=connectors::mlflow_quarantine::reject_after=3s",
		"--set=connectors::mlflow_quarantine::retry_on_failure::initial_interval=200ms"}, args...)...)
}

func (w *world) start(t *testing.T, config, name string, args ...string) *collector.Process {
	t.Helper()
	dir := filepath.Join(w.dir, name)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	env := []string{"OTELCOL_MLFLOW_SOURCE=sqlite:///" + w.store.Path, "OTELCOL_MLFLOW_BROKERS=" + w.broker.Address,
		"OTELCOL_MLFLOW_TOPIC=" + w.topic, "OTELCOL_MLFLOW_GROUP=" + w.group(), "OTELCOL_MLFLOW_OUT=" + dir,
		"OTELCOL_MLFLOW_REPORTS_TOPIC=" + reportsOf(w.topic),
		"OTELCOL_MLFLOW_EXPORTER=" + w.sink.exporter, w.sink.variable + "=" + w.sink.endpoint}
	return collector.Command(t, dir, env, collector.Kafka(),
		append([]string{"--config", filepath.Join("config", config+".yaml")}, args...)...)
}

// startWith starts the distribution with Kafka with a configuration that a test made.
func startWith(t *testing.T, dir string, c collector.Config, args ...string) *collector.Process {
	t.Helper()
	text, err := json.Marshal(c)
	require.NoError(t, err)
	path := filepath.Join(dir, "config.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return collector.Command(t, dir, nil, collector.Kafka(), append([]string{"--config", path}, args...)...)
}

// arrived waits until the group has committed everything and the destination has every span.
func (w *world) arrived(t *testing.T, limit time.Duration) {
	t.Helper()
	within(t, limit, w.hasArrived, "everything arrives and is committed")
}

func (w *world) hasArrived() bool {
	return w.sink.Distinct() == w.store.Spans && w.broker.Committed(w.group(), w.topic) == w.broker.Messages(w.topic)
}

func eventually(t testing.TB, condition func() bool, what string) {
	t.Helper()
	within(t, patience, condition, what)
}

func within(t testing.TB, limit time.Duration, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, limit, often, what)
}

// topics makes a topic, that of its dead letters, and that of the reports.
func topics(t *testing.T, broker *kafkabroker.Broker, topic string, partitions int32) {
	t.Helper()
	broker.Topic(t, topic, partitions)
	broker.Topic(t, topic+"-dead", 1)
	broker.Topic(t, reportsOf(topic), 1)
}

// reportsOf is the topic of the reports beside a topic, and beside that of its dead letters.
func reportsOf(topic string) string { return strings.TrimSuffix(topic, "-dead") + "-reports" }

func TestTopic(t *testing.T) {
	var s store
	var making errgroup.Group
	dir := t.TempDir()
	making.Go(func() (err error) {
		s, err = newStore(dir, traces)
		return err
	})
	broker := kafkabroker.Start(t, filepath.Join(t.TempDir(), "broker"))
	require.NoError(t, making.Wait())
	run := func(topic string, sink func(t *testing.T) destination, test func(t *testing.T, w *world)) {
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			topics(t, broker, topic, partitions)
			test(t, &world{store: s, broker: broker, topic: topic, sink: sink(t), dir: t.TempDir()})
		})
	}
	run("kills", overHTTP, kills)
	run("shards", overHTTP, shards)
	run("paused", overHTTP, paused)
	run("signs-in", overHTTP, signsIn)
	run("refusals", overHTTP, func(t *testing.T, w *world) {
		refusals(t, w, 400, 401, 403, 404, 408, 413, 500, 429, 502, 503, 504, otlpsink.Reset)
	})
	run("quarantine", overHTTP, func(t *testing.T, w *world) {
		quarantine(t, w)
		requireSame(t, w)
	})
	run("quarantine-grpc", overGRPC, func(t *testing.T, w *world) {
		quarantine(t, w, "--set=exporters::kafka::partition_traces_by_id=true")
	})
	run("refusals-grpc", overGRPC, func(t *testing.T, w *world) {
		refusals(t, w, int(codes.InvalidArgument), int(codes.Unauthenticated), int(codes.PermissionDenied),
			int(codes.NotFound), int(codes.Unimplemented), int(codes.Internal), int(codes.Unknown),
			int(codes.Unavailable), otlpsink.Busy)
	})
}

func overHTTP(t *testing.T) destination {
	t.Helper()
	s := otlpsink.New(t)
	return destination{s, "otlp_http", s.URL, "OTELCOL_MLFLOW_ENDPOINT"}
}

func overGRPC(t *testing.T) destination {
	t.Helper()
	s := otlpsink.NewGRPC(t)
	return destination{s, "otlp_grpc", "http://" + s.Address, "OTELCOL_MLFLOW_GRPC_ENDPOINT"}
}

// slowly takes everything, so that a run has a middle.
func slowly(_ ptrace.Traces, gone <-chan struct{}) (int, string) {
	timer := time.NewTimer(20 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-gone:
	}
	return 0, ""
}

// kills: a reader and one of two consumers die by kill -9 in the middle. Nothing is lost, little is repeated, and what
// arrives is what a direct run delivers.
func kills(t *testing.T, w *world) {
	w.sink.Script(slowly)
	first, second := w.refine(t, "first"), w.refine(t, "second")
	eventually(t, func() bool { return w.broker.Members(w.group()) == 2 }, "both consumers have partitions")

	reader := w.reader(t)
	eventually(t, func() bool { return w.broker.Messages(w.topic) > traces/unit/10 || reader.Ended() }, "it reads")
	require.False(t, reader.Ended(), "the reader was done before it could be killed: %s", reader.Logs())
	reader.Kill()
	written := w.broker.Messages(w.topic)
	require.Less(t, written, int64(traces/unit))

	eventually(t, func() bool { return w.sink.Distinct() > 0 }, "it is refined")
	first.Kill()
	reader = w.reader(t)
	reader.Done(0)
	require.Contains(t, reader.Out(), "2000 of 2000")
	report := collector.ReadReport(t, filepath.Join(w.dir, "reader")).Receivers[0]
	require.Equal(t, "handed_over", report.Delivery)
	require.Empty(t, report.Problems)
	require.Contains(t, reader.Out(), "\n  topic     kills at "+w.broker.Address+"\n")

	third := w.refine(t, "third")
	eventually(t, func() bool { return w.broker.Members(w.group()) == 2 }, "the third has partitions")
	w.arrived(t, patience)
	for _, p := range []*collector.Process{second, third} {
		p.Signal(syscall.SIGTERM)
		p.Done(0)
		require.Contains(t, p.Out(), "kafka reads topic kills at "+w.broker.Address+"; delivery: acknowledged\n")
	}
	repeated := w.sink.Repeated()
	t.Logf("%d messages when the reader was killed, %d traces came again", written, repeated)
	require.LessOrEqual(t, repeated, readerAtRisk+pollAtRisk/2) // the consumer had half of the partitions
	requireSame(t, w)
}

// How many traces may come again: the units in work of a reader (those that are read, sent and waiting for their
// turn), and one poll of all partitions, with about 60 kB of compressed traces in a unit.
const (
	readerAtRisk = 3 * (workers + 2) * unit
	pollAtRisk   = partitions * (524288/60_000 + 1) * unit
)

// requireSame requires that what arrived is what a run without a topic delivers, token counts and costs included.
func requireSame(t *testing.T, w *world) {
	t.Helper()
	sink := otlpsink.New(t)
	startDirect(t, w.store, sink.URL).Done(0)
	want, got := spans(t, sink.Accepted()), spans(t, w.sink.Accepted())
	require.Len(t, want, w.store.Spans)
	require.Len(t, got, len(want))
	all := strings.Join(slices.Collect(maps.Values(want)), "\n")
	for _, key := range []string{"token_count_request", "contract_cost_total", "contract_cost_trace_total"} {
		require.Contains(t, all, `"`+key+`"`, "nothing is compared")
	}
	for key := range want {
		require.Equal(t, want[key], got[key], "%+v", key)
	}
}

// spans returns each span with its resource and scope, in OTLP/JSON.
func spans(t *testing.T, all []ptrace.Traces) map[otlpsink.SpanKey]string {
	t.Helper()
	out := map[otlpsink.SpanKey]string{}
	var encode ptrace.JSONMarshaler
	for _, td := range all {
		otlpsink.Each(td, func(r pcommon.Resource, s pcommon.InstrumentationScope, span ptrace.Span) {
			one := ptrace.NewTraces()
			rs := one.ResourceSpans().AppendEmpty()
			r.CopyTo(rs.Resource())
			ss := rs.ScopeSpans().AppendEmpty()
			s.CopyTo(ss.Scope())
			span.CopyTo(ss.Spans().AppendEmpty())
			text, err := encode.MarshalTraces(one)
			require.NoError(t, err)
			out[otlpsink.SpanKey{Trace: span.TraceID(), Span: span.SpanID()}] = string(text)
		})
	}
	return out
}

// unsafe are changes of the shipped configurations, by what is refused then.
var unsafe = []struct{ config, set, says string }{
	{"kafka-reader", "exporters::kafka::producer::required_acks=1", "write producer::required_acks: all"},
	{"kafka-reader", "exporters::kafka::producer::allow_auto_topic_creation=true", "a wrong name is no error"},
	{"kafka-reader", "exporters::kafka::sending_queue::wait_for_result=false", "kafka queues in memory"},
	{"kafka-refine", "receivers::kafka::initial_offset=latest", "write earliest"},
	{"kafka-refine", "receivers::kafka::message_marking::after=false", "before it is delivered"},
	{"kafka-refine", "receivers::kafka::autocommit::enable=true", "write autocommit: {enable: false}"},
	{"kafka-refine", "receivers::kafka::error_backoff::enabled=false", "write error_backoff"},
	{"kafka-refine", "exporters::otlp_http::sending_queue::num_consumers=4", "num_consumers: 8"},
}

// The built distribution refuses a shipped configuration with a change that can lose messages or stop a partition.
func TestUnsafeIsRefused(t *testing.T) {
	for _, x := range unsafe {
		t.Run(x.set, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := collector.Command(t, dir, []string{"OTELCOL_MLFLOW_OUT=" + dir}, collector.Kafka(), "validate",
				"--config", filepath.Join("config", x.config+".yaml"), "--set="+x.set)
			p.Done(1)
			require.Contains(t, p.Logs(), "strict: delivery would not be acknowledged")
			require.Contains(t, p.Logs(), x.says)
		})
	}
}

// refusals: a destination answers for a second with each of these. Everything arrives through one consumer: no
// partition stops, and nothing becomes a dead letter. A message holds one trace.
func refusals(t *testing.T, w *world, answers ...int) {
	blips := &blips{answers: answers}
	w.sink.Script(blips.answer)
	reader := w.reader(t, "--set=exporters::kafka::partition_traces_by_id=true")
	reader.Done(0)
	require.GreaterOrEqual(t, w.broker.Messages(w.topic), int64(traces), "more only where the client wrote again")
	consumer := w.refine(t, "only")
	w.arrived(t, patience)
	require.Empty(t, blips.left(), "the answers that were not played")
	require.Zero(t, w.broker.Messages(w.topic+"-dead"), consumer.Logs())
	consumer.Signal(syscall.SIGTERM)
	consumer.Done(0)
}

// blips answers with one answer after the other for a while, and takes some requests between them.
type blips struct {
	mu      sync.Mutex
	answers []int
	lengths []time.Duration // of the answers; those that are left take a second
	began   time.Time       // of the answer under way
	taken   int             // since the one before
}

func (b *blips) answer(_ ptrace.Traces, gone <-chan struct{}) (int, string) {
	answer, message := b.next()
	if answer == hang {
		<-gone
		return otlpsink.Reset, ""
	}
	return answer, message
}

func (b *blips) next() (int, string) {
	const between = 20 // requests
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken < between || len(b.answers) == 0 {
		b.taken++
		return 0, ""
	}
	if b.began.IsZero() {
		b.began = time.Now()
	}
	answer, length := b.answers[0], time.Second
	if len(b.lengths) > 0 {
		length = b.lengths[0]
	}
	if time.Since(b.began) > length {
		b.answers, b.lengths, b.began, b.taken = b.answers[1:], b.lengths[min(1, len(b.lengths)):], time.Time{}, 0
	}
	return answer, "a blip"
}

// left are the answers that were not played.
func (b *blips) left() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answers
}
