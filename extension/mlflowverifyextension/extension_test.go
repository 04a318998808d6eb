// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowverifyextension

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/drain"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/kafkaclient"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/verdict"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

const (
	topic = "mlflow-traces"
	dead  = "mlflow-traces-dead"
	group = "refine"
)

// scene is a cluster in this process and a folder of reports.
type scene struct {
	addrs []string
	admin *kadm.Client
	dir   string
	patience
}

func newScene(t *testing.T, opts ...kfake.Opt) *scene {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(2, topic, dead)}, opts...)
	fake, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	return &scene{addrs: fake.ListenAddrs(), dir: t.TempDir(),
		patience: patience{time.Millisecond, 50 * time.Millisecond}}
}

// open connects to the cluster, and writes the reports of a reader and a consumer.
func (s *scene) open(t *testing.T) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	s.admin = kadm.NewClient(client)
	for i := range 10 {
		err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: int32(i % 2)}).FirstErr()
		require.NoError(t, err)
	}
	s.report(t, "reader", reader)
	s.report(t, "consumer", fmt.Sprintf(consumer, "2026-11-30T01:00:00Z"))
}

// client writes to any topic.
func (s *scene) client(t *testing.T) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func (s *scene) report(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, name, "report.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func (s *scene) commit(t *testing.T, of, topic string, at ...int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	for partition, offset := range at {
		offsets.Add(kadm.Offset{Topic: topic, Partition: int32(partition), At: offset})
	}
	require.NoError(t, s.admin.CommitAllOffsets(t.Context(), of, offsets))
}

func (s *scene) config(change func(*Config)) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Brokers, cfg.Topic, cfg.GroupID, cfg.OnComplete = s.addrs, topic, group, OnCompleteStay
	cfg.Reports = []string{filepath.Join(s.dir, "reader")}
	cfg.ConsumerReports = []string{filepath.Join(s.dir, "consumer")}
	cfg.Path = filepath.Join(s.dir, "out", "verdict.json")
	cfg.PollInterval, cfg.StalledAfter = time.Millisecond, 50*time.Millisecond
	if change != nil {
		change(cfg)
	}
	return cfg
}

// verify runs the extension to its end.
func (s *scene) verify(t *testing.T, change func(*Config)) (d verdict.Document) {
	t.Helper()
	return s.verifyWith(t, zap.NewNop(), change)
}

// verifyWith is verify with a log.
func (s *scene) verifyWith(t *testing.T, log *zap.Logger, change func(*Config)) (d verdict.Document) {
	t.Helper()
	cfg := s.config(change)
	require.NoError(t, cfg.Validate())
	var out bytes.Buffer
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = log
	v := newVerifier(set, cfg, &out)
	v.patience = s.patience
	require.NoError(t, v.Start(t.Context(), componenttest.NewNopHost()))
	<-v.done
	require.NoError(t, v.Shutdown(t.Context()))
	body, err := os.ReadFile(cfg.Path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &d))
	require.Contains(t, out.String(), d.Headline+"\n")
	require.Equal(t, d.ExitStatus != 0, v.err != nil)
	return d
}

func TestVerdicts(t *testing.T) {
	s := newScene(t)
	s.open(t)
	d := s.verify(t, nil)
	require.Contains(t, d.Headline, "partition 0 of topic mlflow-traces: group refine has not committed 5 of 5 records")
	s.commit(t, group, topic, 5, 3)
	d = s.verify(t, nil)
	require.Contains(t, d.Headline, "not complete: 20 of 20 traces handed over by 1 reader; 8 of 10 records of topic "+
		"mlflow-traces committed by group refine; nothing counted at the destination; partition 1 of topic "+
		"mlflow-traces: group refine has not committed 2 of 5 records, and nothing moved for 50ms")
	s.commit(t, group, topic, 5, 5)
	d = s.verify(t, nil)
	require.Equal(t, "complete: 20 of 20 traces acknowledged by 1 reader; 10 of 10 records of topic mlflow-traces "+
		"committed by group refine; nothing counted at the destination", d.Headline)
	require.Zero(t, d.ExitStatus)
	require.True(t, d.Complete)

	d = s.verify(t, func(c *Config) { c.Topic = "typo" })
	require.Contains(t, d.Headline, "did not write to topic typo")
	d = s.verify(t, func(c *Config) { c.Reports = []string{filepath.Join(s.dir, "nothing")} })
	require.Contains(t, d.Headline, "reports: there is no report at")
	d = s.verify(t, func(c *Config) { c.ConsumerReports = nil })
	require.Contains(t, d.Headline, "handed over: 20 of 20")
	d = s.verify(t, func(c *Config) { c.ConsumerReports = []string{filepath.Join(s.dir, "nothing")} })
	require.Contains(t, d.Headline, "handed over: 20 of 20")
}

// inTopic lets all reports be read from a topic.
func inTopic(inbox string) func(*Config) {
	return func(c *Config) { c.Reports, c.ConsumerReports, c.ReportsTopic = nil, nil, inbox }
}

// Reports of both tiers may lie in a topic: the last record of a key counts, and a record without a value removes it.
func TestReportsInTopic(t *testing.T) {
	const inbox = "mlflow-traces-reports"
	s := newScene(t, kfake.SeedTopics(2, inbox))
	s.open(t)
	s.commit(t, group, topic, 5, 5)
	client := s.client(t)
	put := func(key string, value []byte) {
		r := &kgo.Record{Topic: inbox, Key: []byte(key), Value: value}
		require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	}
	verify := func() verdict.Document { return s.verify(t, inTopic(inbox)) }
	require.Contains(t, verify().Headline, "reports_topic: topic "+inbox+" has no report of a reader")
	put("refine", fmt.Appendf(nil, consumer, "2026-11-30T01:00:00Z"))
	require.Contains(t, verify().Headline, "has no report of a reader")
	put("reader", []byte(strings.Replace(reader, `"ended": "2026-11-30T00:59:59Z",`, "", 1)))
	require.Contains(t, verify().Headline, "reader in topic "+inbox+", mlflow: the reader has not ended")
	put("reader", []byte(reader))
	d := verify()
	require.Equal(t, "complete: 20 of 20 traces acknowledged by 1 reader; 10 of 10 records of topic mlflow-traces "+
		"committed by group refine; nothing counted at the destination", d.Headline)
	require.Equal(t, 1, d.Consumers.Reports)

	put("reader-of-before", []byte(reader))
	require.Contains(t, verify().Headline, "are both everything")
	put("reader-of-before", nil)
	put("refine", nil)
	require.Contains(t, verify().Headline, "handed over: 20 of 20")
	put("refine", []byte("no JSON"))
	require.Regexp(t, "reports_topic: partition ., offset .: refine in topic .* is not a report of mlflow_report",
		verify().Headline)
	put("refine", fmt.Appendf(nil, consumer, "2026-11-30T01:00:00Z"))
	require.Zero(t, verify().ExitStatus)
	d = s.verify(t, func(c *Config) { c.ReportsTopic = "typo" })
	require.Contains(t, d.Headline, "reports_topic: topic typo: UNKNOWN_TOPIC_OR_PARTITION")
}

// Where reports were deleted from a topic, one that is missing may have had a weaker word.
func TestDeletedReports(t *testing.T) {
	const inbox = "mlflow-traces-reports"
	s := newScene(t, kfake.SeedTopics(1, inbox))
	s.open(t)
	s.commit(t, group, topic, 5, 5)
	client := s.client(t)
	for _, r := range []*kgo.Record{
		{Key: []byte("old"), Value: []byte(strings.Replace(fmt.Sprintf(consumer, "2026-11-30T00:00:00Z"),
			"acknowledged", "unknown", 1))},
		{Key: []byte("reader"), Value: []byte(reader)},
		{Key: []byte("refine"), Value: fmt.Appendf(nil, consumer, "2026-11-30T01:00:00Z")},
	} {
		r.Topic = inbox
		require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	}
	verify := func() verdict.Document { return s.verify(t, inTopic(inbox)) }
	require.Contains(t, verify().Headline, "delivery is unknown")
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: inbox, Partition: 0, At: 1})
	_, err := s.admin.DeleteRecords(t.Context(), offsets)
	require.NoError(t, err)
	d := verify()
	require.Contains(t, d.Headline, "reports_topic "+inbox+" has lost 1 record, so that reports of members")
	require.Equal(t, 1, d.ExitStatus)
	require.Equal(t, progress.HandedOver, d.Delivery)
}

// Files and a topic are read together.
func TestReportsInBoth(t *testing.T) {
	const inbox = "mlflow-traces-reports"
	s := newScene(t, kfake.SeedTopics(1, inbox))
	s.open(t)
	s.commit(t, group, topic, 5, 5)
	both := func(c *Config) { c.ReportsTopic, c.ConsumerReports = inbox, nil }
	require.Contains(t, s.verify(t, both).Headline, "no report of a member of group refine")
	client := s.client(t)
	r := &kgo.Record{Topic: inbox, Key: []byte("refine"), Value: fmt.Appendf(nil, consumer, "2026-11-30T01:00:00Z")}
	require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	require.Contains(t, s.verify(t, both).Headline, "complete: 20 of 20 traces acknowledged by 1 reader")
}

// A topic that was there is asked for again: a broker that restarts may not know it. One that was never there is told
// at once.
func TestTopicIsGone(t *testing.T) {
	s := newScene(t)
	s.open(t)
	c := &cluster{s.admin, topic, group}
	_, err := c.Look(t.Context())
	require.NoError(t, err)
	_, err = s.admin.DeleteTopics(t.Context(), topic)
	require.NoError(t, err)
	var final *drain.FinalError
	_, err = c.Look(t.Context())
	require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
	require.NotErrorAs(t, err, &final)
	_, err = c.Ends(t.Context())
	require.ErrorAs(t, err, &final)
	d := s.verify(t, func(c *Config) { c.StalledAfter = time.Hour })
	require.Contains(t, d.Headline, "topic mlflow-traces, group refine: UNKNOWN_TOPIC_OR_PARTITION")
}

// Where the destination can count, everything that was handed over must be there.
func TestVerified(t *testing.T) {
	s := newScene(t)
	s.open(t)
	s.commit(t, group, topic, 5, 5)
	w := databrickstest.New()
	defer w.Close()
	const table = "cat.sch.pre_otel_spans"
	w.CreateTables(unity.Location{Catalog: "cat", Schema: "sch", Prefix: "pre"}, unity.LayoutV2)
	w.GrantWriting(databrickstest.Admin, table)
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	counted := func(c *Config) {
		require.NoError(t, confmap.NewFromStringMap(keys{"databricks": keys{"host": w.URL(),
			"auth": keys{"token": databrickstest.AdminToken}, "warehouse_id": databrickstest.WarehouseID,
			"tables": []any{table}, "timeout": "1ns"}}).Unmarshal(c))
	}
	for i := range 20 {
		if i == 19 {
			d := s.verify(t, counted)
			require.Contains(t, d.Headline, "19 traces counted in "+table+"; experiment a (1): 19 of 20 traces found "+
				"at the destination, 1 missing")
			require.Equal(t, 1, d.ExitStatus)
		}
		w.AddRows(table, databrickstest.Row{"trace_id": strconv.Itoa(i), "start_time_unix_nano": begin.UnixNano(),
			"resource": map[string]any{"attributes": map[string]any{"mlflow.experimentId": "1"}}})
	}
	d := s.verify(t, counted)
	require.Equal(t, "complete: 20 of 20 traces verified by 1 reader; 10 of 10 records of topic mlflow-traces "+
		"committed by group refine; 20 traces counted in "+table, d.Headline)
	require.Zero(t, d.ExitStatus)
	d = s.verify(t, func(c *Config) {
		counted(c)
		c.Databricks.Get().WarehouseID = "nothing"
	})
	require.Equal(t, "acknowledged", string(d.Delivery))
	require.Contains(t, d.Notes[0], "not counted at the destination: running a statement in the warehouse nothing")
}

// Deleted records are those of the cluster.
func TestDeletedRecords(t *testing.T) {
	s := newScene(t)
	s.open(t)
	s.commit(t, group, topic, 5, 5)
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: 1, At: 4})
	_, err := s.admin.DeleteRecords(t.Context(), offsets)
	require.NoError(t, err)
	d := s.verify(t, nil)
	require.Contains(t, d.Headline, "4 records of topic mlflow-traces were deleted before this process looked")
	require.EqualValues(t, 4, d.Topic.Partitions[1].Start)
	s.commit(t, group, topic, 5, 1)
	d = s.verify(t, nil)
	require.Contains(t, d.Problems, "partition 1 of topic mlflow-traces: 3 records expired before group refine had "+
		"read them")
}

func TestDeadLetters(t *testing.T) {
	s := newScene(t)
	s.open(t)
	s.commit(t, group, topic, 5, 5)
	looked := func(c *Config) { c.DeadLetters = DeadLettersConfig{Topic: dead, GroupID: "again"} }
	require.Zero(t, s.verify(t, looked).ExitStatus)
	s.setAside(t, dead, 2)
	d := s.verify(t, looked)
	require.Contains(t, d.Headline, "2 records in the dead letters, topic "+dead)
	require.Equal(t, []verdict.DeadLetters{{Topic: dead, Records: 2, Waiting: 2, GroupID: "again"}}, d.DeadLetters)
	s.feed(t, dead)
	d = s.verify(t, looked)
	require.Contains(t, d.Headline, "no report of a member of group again was given, so it is not known whether dead "+
		"letters that it fed back from topic "+dead+" have arrived")
	require.Equal(t, 1, d.ExitStatus)
	s.report(t, "consumer/again", feeding)
	d = s.verify(t, looked)
	require.Zero(t, d.ExitStatus, d.Headline)
	require.Equal(t, 1, d.Consumers.Reports)
	require.Equal(t, 1, d.DeadLetters[0].Feeding.Reports)
	d = s.verify(t, func(c *Config) { c.DeadLetters = DeadLettersConfig{Topic: "typo"} })
	require.Contains(t, d.Headline, "dead_letters: topic typo")
}

// What is refused once more lies in a topic that only the reports of the group name which feeds dead letters back.
func TestDeadLettersOfDeadLetters(t *testing.T) {
	const once = dead + "-dead"
	s := newScene(t, kfake.SeedTopics(1, once))
	s.open(t)
	s.commit(t, group, topic, 5, 5)
	s.report(t, "consumer/again", feeding)
	s.setAside(t, dead, 1)
	s.feed(t, dead)
	looked := func(c *Config) { c.DeadLetters = DeadLettersConfig{Topic: dead, GroupID: "again"} }
	require.Zero(t, s.verify(t, looked).ExitStatus)
	s.setAside(t, once, 1)
	require.Contains(t, s.verify(t, looked).Headline, "1 record in the dead letters, topic "+once)
	s.report(t, "consumer/again", strings.Replace(feeding, `"rejected": 0`, `"rejected": 7`, 1))
	require.Contains(t, strings.Join(s.verify(t, looked).Problems, "\n"), "7 items rejected by a destination")
}

// Dead letters that expired are not fed back by a group that committed what came after them.
func TestDeletedDeadLetters(t *testing.T) {
	s := newScene(t)
	s.open(t)
	s.commit(t, group, topic, 5, 5)
	s.report(t, "consumer/again", feeding)
	s.setAside(t, dead, 3)
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: dead, Partition: 0, At: 2})
	_, err := s.admin.DeleteRecords(t.Context(), offsets)
	require.NoError(t, err)
	looked := func(c *Config) { c.DeadLetters = DeadLettersConfig{Topic: dead, GroupID: "again"} }
	d := s.verify(t, looked)
	require.Contains(t, d.Headline, "3 records in the dead letters, topic "+dead)
	s.feed(t, dead)
	d = s.verify(t, looked)
	require.Contains(t, d.Headline, "delivery not confirmed: 2 dead letters of topic "+dead+" were deleted before")
	require.Equal(t, 1, d.ExitStatus)
}

// setAside writes records to a topic of dead letters.
func (s *scene) setAside(t *testing.T, topic string, n int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	for range n {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic}).FirstErr())
	}
}

// feed lets group again commit a topic of dead letters.
func (s *scene) feed(t *testing.T, topic string) {
	t.Helper()
	ends, err := s.admin.ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	require.NoError(t, s.admin.CommitAllOffsets(t.Context(), "again", ends.Offsets()))
}

// feeding is the report of a process that fed dead letters back.
const feeding = `{"written": "2026-11-30T01:00:00Z", "final": true, "topic_readers": [{"receiver": "kafka",
	"topic": "mlflow-traces-dead at kafka:9092", "group_id": "again", "delivery": "acknowledged",
	"dead_letters": [{"name": "topic mlflow-traces-dead-dead at kafka:9092"}]}], "answers": [{"rejected": 0}]}`

const reader = `{"written": "2026-11-30T01:00:00Z", "receivers": [{"receiver": "mlflow", "mode": "backfill",
	"source": {"kind": "sqlite", "location": "mlflow.db"}, "delivery": "handed_over",
	"topics": [{"name": "mlflow-traces at kafka:9092"}], "ended": "2026-11-30T00:59:59Z",
	"experiments": [{"id": "1", "name": "a", "first": "2026-01-01T00:00:00.000Z",
		"last": "2026-01-01T00:00:00.000Z", "complete": true, "run": {"read": 20, "accepted": 20}}]}]}`

const consumer = `{"written": %q, "topic_readers": [{"receiver": "kafka", "topic": "mlflow-traces at kafka:9092",
	"group_id": "refine", "delivery": "acknowledged"}]}`

// member joins the group and reads everything.
func (s *scene) member(t *testing.T) *kgo.Client {
	t.Helper()
	member, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.ClientID("one"))
	require.NoError(t, err)
	t.Cleanup(member.Close)
	for read := 0; read < 10; {
		fetched := member.PollFetches(t.Context())
		require.NoError(t, fetched.Err())
		read += fetched.NumRecords()
	}
	return member
}

// A report that comes into the topic while older ones may still come in may be older than the last commit.
func TestReportOfMemberInTopic(t *testing.T) {
	const inbox = "mlflow-traces-reports"
	s := newScene(t, kfake.SeedTopics(1, inbox))
	s.open(t)
	require.NoError(t, s.member(t).CommitUncommittedOffsets(t.Context()))
	client := s.client(t)
	at := time.Unix(1_800_000_000, 0)
	put := func() error {
		at = at.Add(time.Minute)
		return client.ProduceSync(t.Context(), &kgo.Record{Topic: inbox, Key: []byte("refine"),
			Value: fmt.Appendf(nil, consumer, at.Format(time.RFC3339))}).FirstErr()
	}
	require.NoError(t, put())
	require.Greater(t, usual.settle, progress.PublishWithin+30*time.Second)
	for during, want := range map[string]struct {
		status int
		within time.Duration // members write within it; long where it must not come to its end
	}{
		"Waiting until reports that were made before the last commit are in the topic": {1, 50 * time.Millisecond},
		"Waiting until the members of the group have written their reports again":      {0, time.Minute},
	} {
		before := at
		s.renewedWithin = want.within
		log := zap.NewExample(zap.Hooks(func(e zapcore.Entry) error {
			if e.Message == during {
				return put()
			}
			return nil
		}))
		d := s.verifyWith(t, log, func(c *Config) { c.ReportsTopic, c.ConsumerReports = inbox, nil })
		require.Equal(t, want.status, d.ExitStatus, d.Headline)
		require.True(t, at.After(before), "it waited")
	}
}

// A member of the group must have a report that is newer than the last commit, and is named where it does not commit.
func TestMembers(t *testing.T) {
	s := newScene(t)
	s.open(t)
	member := s.member(t)
	d := s.verify(t, nil)
	require.Contains(t, d.Headline, "group refine has not committed 5 of 5 records")
	require.Regexp(t, "member one-.* at .* has it: what it holds is refused, or the partition is paused", d.Headline)
	require.NoError(t, member.CommitUncommittedOffsets(t.Context()))

	d = s.verify(t, nil)
	require.Contains(t, d.Headline, "0 of 1 member of group refine have a report that is newer")
	require.Equal(t, 1, d.Consumers.Members)

	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() { // as a member does every minute
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for at := time.Unix(1_800_000_000, 0); ctx.Err() == nil; at = at.Add(time.Minute) {
			s.report(t, "consumer", fmt.Sprintf(consumer, at.Format(time.RFC3339)))
			<-tick.C
		}
	})
	d = s.verify(t, func(*Config) { s.renewedWithin = time.Minute })
	cancel()
	writing.Wait()
	require.Zero(t, d.ExitStatus, d.Headline)

	left := zap.NewExample(zap.Hooks(func(e zapcore.Entry) error {
		if e.Message == "Waiting until the members of the group have written their reports again" {
			member.Close()
		}
		return nil
	}))
	d = s.verifyWith(t, left, nil)
	require.Zero(t, d.ExitStatus, d.Headline)
	require.Zero(t, d.Consumers.Members, "it was killed, and the group forgot it")
	require.Equal(t, 1, d.Consumers.Unfinished)
	require.Contains(t, d.Notes[0], "1 consumer of group refine ended without a last report")
}

// A group may read other topics: its members that do not read this one have no report to be waited for.
func TestMembersOfOtherTopics(t *testing.T) {
	s := newScene(t, kfake.SeedTopics(1, "other"))
	s.open(t)
	require.NoError(t, s.client(t).ProduceSync(t.Context(), &kgo.Record{Topic: "other"}).FirstErr())
	s.commit(t, group, topic, 5, 5)
	other, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.ConsumerGroup(group), kgo.ConsumeTopics("other"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.PollFetches(t.Context()).Err())
	groups, err := s.admin.DescribeGroups(t.Context(), group)
	require.NoError(t, err)
	require.Len(t, groups[group].Members, 1)
	d := s.verify(t, nil)
	require.Zero(t, d.ExitStatus, d.Headline)
	require.Zero(t, d.Consumers.Members)
}

// Keys of sign-in mean what they mean for the Kafka components.
func TestSASL(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			s := newScene(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "verify", "canary"))
			sasl := &configkafka.SASLConfig{Mechanism: mechanism, Username: "verify", Password: "canary"}
			cfg := s.config(func(c *Config) { c.Authentication.SASL = sasl })
			client, err := kafkaclient.New(t.Context(), componenttest.NewNopHost(), &cfg.ClientConfig)
			require.NoError(t, err)
			defer client.Close()
			ends, err := (&cluster{kadm.NewClient(client), topic, group}).Ends(t.Context())
			require.NoError(t, err)
			require.Len(t, ends, 2)
			if mechanism != "PLAIN" { // a refusal takes seconds
				return
			}
			sasl.Password = "wrong"
			refused, err := kafkaclient.New(t.Context(), componenttest.NewNopHost(), &cfg.ClientConfig)
			require.NoError(t, err)
			defer refused.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err = (&cluster{kadm.NewClient(refused), topic, group}).Ends(ctx)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "wrong")
		})
	}
}
