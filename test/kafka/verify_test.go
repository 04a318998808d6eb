// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// verdict is what a verdict says, as far as the tests look at it.
type verdict struct {
	Headline   string   `json:"headline"`
	Complete   bool     `json:"complete"`
	Delivery   string   `json:"delivery"`
	ExitStatus int      `json:"exit_status"`
	Problems   []string `json:"problems"`
	Readers    struct {
		Found      int64 `json:"found"`
		HandedOver int64 `json:"handed_over"`
	} `json:"readers"`
	Topic struct {
		Records   int64 `json:"records"`
		Committed int64 `json:"committed"`
	} `json:"topic"`
}

// verify runs config/kafka-verify.yaml over all reports of the world until it ends with an exit status.
func (w *world) verify(t *testing.T, name string, status int, settings ...string) verdict {
	t.Helper()
	dir := filepath.Join(w.dir, name)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	env := []string{"OTELCOL_MLFLOW_BROKERS=" + w.broker.Address, "OTELCOL_MLFLOW_TOPIC=" + w.topic,
		"OTELCOL_MLFLOW_GROUP=" + w.group(), "OTELCOL_MLFLOW_OUT=" + dir, "OTELCOL_MLFLOW_STALLED_AFTER=1s",
		"OTELCOL_MLFLOW_REPORTS_TOPIC=" + reportsOf(w.topic)}
	args := []string{"--feature-gates=service.AllowNoPipelines",
		"--config", filepath.Join("config", "kafka-verify.yaml"),
		"--set=extensions::mlflow_verify::poll_interval=100ms"}
	for _, s := range settings {
		args = append(args, "--set=extensions::mlflow_verify::"+s)
	}
	p := collector.Command(t, dir, env, collector.Kafka(), args...)
	p.Done(status)
	body, err := os.ReadFile(filepath.Join(dir, "verdict.json"))
	require.NoError(t, err)
	var v verdict
	require.NoError(t, json.Unmarshal(body, &v))
	require.Equal(t, status, v.ExitStatus)
	require.Contains(t, p.Out(), v.Headline+"\n")
	return v
}

// files are settings that let a verdict rest on the reports of readers and consumers in folders of the world.
func (w *world) files(readers, consumers string) []string {
	list := []string{"reports_topic=", "reports=[" + filepath.Join(w.dir, readers) + "]"}
	if consumers != "" {
		list = append(list, "consumer_reports=["+filepath.Join(w.dir, consumers)+"]")
	}
	return list
}

// shards: two readers share the backfill. The verdict is that of both, of the group and of what is left in the topic.
func shards(t *testing.T, w *world) {
	readers := []*collector.Process{
		w.shard(t, "reader-0", "0"),
		w.shard(t, "reader-1", "1"),
	}
	for _, reader := range readers {
		reader.Done(0)
	}
	w.verify(t, "before", 1, "group_id=other") // nobody has read it

	consumer := w.refine(t, "consumer")
	w.arrived(t, patience)
	consumer.Signal(syscall.SIGTERM)
	consumer.Done(0)

	v := w.verify(t, "verdict", 0)
	require.Equal(t, "acknowledged", v.Delivery)
	require.True(t, v.Complete)
	require.EqualValues(t, traces, v.Readers.Found)
	require.EqualValues(t, traces, v.Readers.HandedOver)
	require.Equal(t, w.broker.Messages(w.topic), v.Topic.Records)
	require.Equal(t, v.Topic.Records, v.Topic.Committed)
	require.Contains(t, v.Headline, "complete: 2000 of 2000 traces acknowledged by 2 readers; ")

	require.Equal(t, v.Headline, w.verify(t, "files", 0, w.files("reader*", "consumer")...).Headline)
	v = w.verify(t, "one-shard", 1, w.files("reader-0", "consumer")...)
	require.Contains(t, v.Headline, "there is no report of shard 2 of 2 (index 1) of receiver mlflow")
	v = w.verify(t, "no-consumers", 1, w.files("reader*", "")...)
	require.Equal(t, "handed_over", v.Delivery)
	require.Contains(t, v.Headline, "no report of a member of group "+w.group())
	v = w.verify(t, "other-group", 1, "group_id=other")
	require.Contains(t, v.Headline, "group other has not committed")
	require.Contains(t, v.Headline, "no member of the group has it")

	const deleted = 3
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: w.topic, Partition: 0, At: deleted})
	_, err := w.broker.Admin().DeleteRecords(context.Background(), offsets)
	require.NoError(t, err)
	v = w.verify(t, "expired", 1, "group_id=other")
	require.Contains(t, v.Problems, "partition 0 of topic "+w.topic+": 3 records expired before group other had read "+
		"them")
	v = w.verify(t, "deleted", 1)
	require.Equal(t, "handed_over", v.Delivery)
	require.Contains(t, v.Headline, "3 records of topic "+w.topic+" were deleted before this process looked")
}

// paused: without retry_refusals and the connector, one refusal pauses a partition although the destination takes
// everything again. The settings of the consumer lose nothing, so the verdict rests on the partition, which it names.
func paused(t *testing.T, w *world) {
	w.sink.Script((&refuser{status: http.StatusUnauthorized}).answer)
	w.reader(t).Done(0)
	consumer := w.stock(t, "stock")
	eventually(t, func() bool { return strings.Contains(consumer.Logs(), "pausing partition") }, "it pauses")
	w.sink.Script(nil)
	var lagging []int32
	eventually(t, func() bool {
		lagging = w.lagging()
		return len(lagging) == 1
	}, "the other partitions are delivered")

	reports := w.files("reader", "stock")
	v := w.verify(t, "paused", 1, reports...)
	require.False(t, v.Complete)
	require.Equal(t, "handed_over", v.Delivery)
	require.Len(t, v.Problems, 1)
	require.Contains(t, v.Problems[0], fmt.Sprintf("partition %d of topic %s: group %s has not committed ", lagging[0],
		w.topic, w.group()))
	require.Contains(t, v.Problems[0], " has it: what it holds is refused, or the partition is paused")
	require.Contains(t, v.Headline, v.Problems[0])

	consumer.Signal(syscall.SIGTERM)
	consumer.Done(0)
	consumer = w.stock(t, "stock")
	w.arrived(t, patience)
	consumer.Signal(syscall.SIGTERM)
	consumer.Done(0)
	require.Equal(t, "acknowledged", w.verify(t, "delivered", 0, reports...).Delivery)
}

// stock starts a consumer of the stock receiver and exporter, with the settings of config/kafka-refine.yaml that lose
// nothing, and without what lets it go on after a refusal.
func (w *world) stock(t *testing.T, name string) *collector.Process {
	t.Helper()
	dir := filepath.Join(w.dir, name)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	c := collector.Config{}.
		Set("receivers::kafka", map[string]any{
			"brokers": []any{w.broker.Address}, "group_id": w.group(), "initial_offset": "earliest",
			"traces":          map[string]any{"topics": []any{w.topic}},
			"message_marking": map[string]any{"after": true}, "autocommit": map[string]any{"enable": false},
			"error_backoff": map[string]any{"enabled": true, "initial_interval": "1s", "max_interval": "30s",
				"multiplier": 1.5, "max_elapsed_time": 0},
		}).
		Set("exporters::otlp_http", collector.OTLP(w.sink.endpoint, nil)).
		Set("extensions::mlflow_report", map[string]any{"path": filepath.Join(dir, "report.json"), "strict": true}).
		Set("service::extensions", []any{"mlflow_report"}).
		Set("service::pipelines::traces", map[string]any{"receivers": []any{"kafka"}, "exporters": []any{"otlp_http"}}).
		Set("service::telemetry::metrics::level", "none")
	return startWith(t, dir, c)
}

// lagging are the partitions that the group has not committed to their ends.
func (w *world) lagging() (partitions []int32) {
	lags, err := w.broker.Admin().Lag(context.Background(), w.group())
	if err != nil {
		return nil
	}
	for partition, lag := range lags[w.group()].Lag[w.topic] {
		if lag.Lag > 0 {
			partitions = append(partitions, partition)
		}
	}
	return partitions
}

// shard starts one of two readers.
func (w *world) shard(t *testing.T, name, index string) *collector.Process {
	t.Helper()
	return w.readerIn(t, name, "--set=receivers::mlflow::shard::index="+index,
		"--set=receivers::mlflow::shard::count=2")
}
