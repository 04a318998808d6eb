// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package kafkabroker runs a broker of Apache Kafka for tests: one node, on free ports of 127.0.0.1, with data in a
// folder of its own. A broker ends with the test that started it. scripts/kafka.sh installs what is needed.
package kafkabroker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// limit is how long a broker may take to answer. After kill -9 it first goes through its log.
const limit = 3 * time.Minute

// cluster is the id of a cluster: 16 bytes in base64.
const cluster = "bWxmbG93LXRlc3QtYnJvaw"

// Broker is a broker that was started.
type Broker struct {
	Address string // host:port

	t       testing.TB
	dir     string
	jars    string
	process *exec.Cmd
	ended   chan struct{}
	client  *kgo.Client
}

// Start starts a broker with data below dir and returns when it answers. Where Java or Maven are not installed the
// test is skipped, and fails in CI.
func Start(t testing.TB, dir string) *Broker {
	t.Helper()
	for _, name := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(name, "is not installed; run scripts/kafka.sh")
			}
			t.Skip("NOT RUN:", name, "is not installed; run scripts/kafka.sh")
		}
	}
	b := &Broker{t: t, dir: dir, Address: collector.FreeAddress(t)}
	b.jars = strings.TrimSpace(b.output(exec.Command(filepath.Join(here(), "jars.sh"))))
	require.NoError(t, os.MkdirAll(dir, 0o700))
	b.write("server.properties", fmt.Sprintf(serverProperties, b.Address, collector.FreeAddress(t),
		filepath.Join(dir, "data")))
	b.write("log4j2.properties", logProperties)
	b.output(b.java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", filepath.Join(dir, "server.properties")))
	var err error
	b.client, err = kgo.NewClient(kgo.SeedBrokers(b.Address), kgo.ConsiderMissingTopicDeletedAfter(0))
	require.NoError(t, err)
	t.Cleanup(func() {
		b.client.Close()
		b.Kill()
	})
	b.Restart()
	return b
}

// Restart starts the broker again after Stop or Kill, and returns when it answers.
func (b *Broker) Restart() {
	b.t.Helper()
	log, err := os.OpenFile(filepath.Join(b.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(b.t, err)
	defer log.Close()
	cmd := b.java("kafka.Kafka", filepath.Join(b.dir, "server.properties"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(b.t, cmd.Start())
	ended := make(chan struct{})
	b.process, b.ended = cmd, ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	require.NoError(b.t, b.answers(ctx), "the broker does not start: %s", b.logs())
}

// answers returns when the broker has told its metadata. An open port is not enough.
func (b *Broker) answers(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		meta, err := b.Admin().BrokerMetadata(try)
		cancel()
		if err == nil && len(meta.Brokers) == 1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-b.ended:
			return fmt.Errorf("it ended: %s", b.process.ProcessState)
		case <-tick.C:
		}
	}
}

// Stop stops the broker as an operator does and returns when it is gone.
func (b *Broker) Stop() { b.end(syscall.SIGTERM) }

// Kill ends the broker as kill -9 does and returns when it is gone.
func (b *Broker) Kill() { b.end(syscall.SIGKILL) }

func (b *Broker) end(s syscall.Signal) {
	if b.process == nil {
		return
	}
	_ = syscall.Kill(b.process.Process.Pid, s)
	<-b.ended
	b.process = nil
}

// Admin asks the broker and changes it.
func (b *Broker) Admin() *kadm.Client { return kadm.NewClient(b.client) }

// Topic makes a topic whose messages do not expire and may be of 100 MiB.
func (b *Broker) Topic(t testing.TB, name string, partitions int32) {
	t.Helper()
	forever, largest := "-1", "104857600"
	_, err := b.Admin().CreateTopic(context.Background(), partitions, 1, map[string]*string{
		"retention.ms": &forever, "retention.bytes": &forever, "max.message.bytes": &largest}, name)
	require.NoError(t, err)
}

// Messages is how many messages were written to a topic; 0 while the broker does not tell.
func (b *Broker) Messages(topic string) (n int64) {
	ends, err := b.Admin().ListEndOffsets(context.Background(), topic)
	if err != nil {
		return 0
	}
	ends.Each(func(end kadm.ListedOffset) { n += end.Offset })
	return n
}

// Values are the messages of a topic of one partition.
func (b *Broker) Values(t testing.TB, topic string) (values [][]byte) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Address), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for n := b.Messages(topic); int64(len(values)) < n; {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, r.Value) })
	}
	return values
}

// Committed is how many messages of a topic a group has committed; 0 while the broker does not tell.
func (b *Broker) Committed(group, topic string) (n int64) {
	committed, err := b.Admin().FetchOffsets(context.Background(), group)
	if err != nil {
		return 0
	}
	committed.Each(func(o kadm.OffsetResponse) {
		if o.Topic == topic {
			n += max(o.At, 0)
		}
	})
	return n
}

// Members is how many consumers of a group have partitions; 0 while the broker does not tell.
func (b *Broker) Members(group string) (n int) {
	groups, err := b.Admin().DescribeGroups(context.Background(), group)
	if err != nil {
		return 0
	}
	for _, m := range groups[group].Members {
		if a, ok := m.Assigned.AsConsumer(); ok && len(a.Topics) > 0 {
			n++
		}
	}
	return n
}

// java is a command of the broker's classes. It compiles with one compiler only: a test ends before the other pays.
func (b *Broker) java(class string, args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dlog4j2.configurationFile=file:" + filepath.Join(b.dir, "log4j2.properties"),
		"-cp", filepath.Join(b.jars, "*"), class}, args...)...)
}

func (b *Broker) output(cmd *exec.Cmd) string {
	b.t.Helper()
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(b.t, err, "%s\n%s%s", cmd, out, complaints.String())
	return string(out)
}

func (b *Broker) write(name, text string) {
	b.t.Helper()
	require.NoError(b.t, os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600))
}

func (b *Broker) logs() string {
	body, _ := os.ReadFile(filepath.Join(b.dir, "log"))
	return string(body[max(0, len(body)-4000):])
}

func here() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// serverProperties takes the addresses of the broker and of its controller, and the folder of the data.
const serverProperties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%[3]s
auto.create.topics.enable=false
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
message.max.bytes=104857600
`

const logProperties = `rootLogger.level=warn
rootLogger.appenderRef.stdout.ref=STDOUT
appender.console.type=Console
appender.console.name=STDOUT
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d] %p %m (%c)%n
`
