// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// safeReader writes to a topic as config/kafka-reader.yaml does, safeRefiner reads it as config/kafka-refine.yaml does.
const (
	safeReader = `
receivers: {mlflow: }
exporters:
  kafka:
    brokers: [kafka-1:9092, kafka-2:9092]
    traces: {topic: mlflow-traces}
    producer: {required_acks: all, allow_auto_topic_creation: false}
    sending_queue: {wait_for_result: true}
service: {pipelines: {traces: {receivers: [mlflow], exporters: [kafka]}}}`
	safeRefiner = `
receivers:
  kafka:
    traces: {topics: [mlflow-traces]}
    initial_offset: earliest
    autocommit: {enable: false}
    message_marking: {after: true, on_error: false, on_permanent_error: false}
    max_fetch_size: 4194304
    max_partition_fetch_size: 524288
    error_backoff: {enabled: true, multiplier: 1.5, max_elapsed_time: 0}
processors: {batch: , memory_limiter: }
exporters:
  otlp_http: {middlewares: [{id: mlflow_report}], sending_queue: {wait_for_result: true, num_consumers: 8}}
  otlp_http/second: {middlewares: [{id: mlflow_report}], sending_queue: {enabled: false}}
extensions: {mlflow_report: {retry_refusals: true}}
service:
  extensions: [mlflow_report]
  pipelines: {traces: {receivers: [kafka], processors: [memory_limiter], exporters: [otlp_http]}}`
)

// change is another value of a key; nil removes it.
type change struct {
	key   string
	value any
}

// changed is a configuration with other settings.
func changed(t *testing.T, yaml string, changes ...change) map[string]any {
	t.Helper()
	m := parse(t, yaml).ToStringMap()
	for _, c := range changes {
		c.apply(m)
	}
	return m
}

func (c change) apply(m map[string]any) {
	keys := strings.Split(c.key, "::")
	last := len(keys) - 1
	for _, k := range keys[:last] {
		m = section(m, k)
	}
	if c.value == nil {
		delete(m, keys[last])
	} else {
		m[keys[last]] = c.value
	}
}

// Each setting that is not safe has its word and its remedy, and strict refuses it.
func TestKafka(t *testing.T) {
	const (
		handedOver = progress.HandedOver
		unknown    = progress.Unknown
		acked      = progress.Acknowledged

		exporter = "exporters::kafka::"
		receiver = "receivers::kafka::"
		queue    = "exporters::otlp_http::sending_queue::"
		pipeline = "service::pipelines::traces::"
	)
	for _, tc := range []struct {
		change
		want progress.Delivery
		note string // what strict refuses; empty: nothing
	}{
		{change{exporter + "client_id", "a"}, handedOver, ""},
		{change{exporter + "producer::required_acks", -1}, handedOver, ""},
		{change{exporter + "sending_queue", map[string]any{"enabled": false}}, handedOver, ""},
		{change{exporter + "producer::required_acks", 1}, unknown, "required_acks: 1"},
		{change{exporter + "producer::required_acks", 0}, unknown, "required_acks: 0"},
		{change{exporter + "producer::required_acks", nil}, unknown, "required_acks: 1"},
		{change{exporter + "producer::allow_auto_topic_creation", nil}, unknown, "wrong name"},
		{change{exporter + "producer::allow_auto_topic_creation", true}, unknown, "wrong name"},
		{change{exporter + "sending_queue", nil}, unknown, "in memory"},
		{change{exporter + "sending_queue::wait_for_result", false}, unknown, "in memory"},
		{change{exporter + "sending_queue::storage", "file_storage"}, unknown, "on disk"},

		{change{receiver + "group_id", "g"}, acked, ""},
		{change{receiver + "initial_offset", "latest"}, unknown, "write earliest"},
		{change{receiver + "initial_offset", nil}, unknown, "write earliest"},
		{change{receiver + "message_marking", nil}, handedOver, "before it is delivered"},
		{change{receiver + "message_marking::after", false}, handedOver, "before it is delivered"},
		{change{receiver + "message_marking::on_error", true}, handedOver, "whose delivery failed"},
		{change{receiver + "message_marking::on_permanent_error", true}, handedOver, "that a destination refuses"},
		{change{receiver + "message_marking::on_permanent_error", nil}, acked, ""},
		{change{receiver + "autocommit", nil}, acked, "autocommit: {enable: false}"},
		{change{receiver + "autocommit::enable", true}, acked, "autocommit: {enable: false}"},
		{change{receiver + "error_backoff", nil}, acked, "write error_backoff"},
		{change{receiver + "error_backoff::enabled", false}, acked, "write error_backoff"},
		{change{receiver + "error_backoff::max_elapsed_time", "5m"}, acked, "write 0"},
		{change{receiver + "error_backoff::multiplier", nil}, acked, "without a pause"},
		{change{queue + "wait_for_result", false}, handedOver, "in memory"},
		{change{queue + "storage", "file_storage"}, handedOver, ""},
		{change{queue + "num_consumers", 7}, acked, "num_consumers: 8"},
		{change{receiver + "max_fetch_size", 9 * 524288}, acked, "num_consumers: 9"},
		{change{pipeline + "processors", []any{"batch"}}, handedOver, "remove it: a crash loses what it holds"},
	} {
		t.Run(fmt.Sprintf("%s: %v", tc.key, tc.value), func(t *testing.T) {
			yaml, id := safeReader, "mlflow"
			if !strings.HasPrefix(tc.key, exporter) {
				yaml, id = safeRefiner, "kafka"
			}
			g := Check(changed(t, yaml, tc.change), nil)[id]
			require.Equal(t, tc.want, g.Delivery, "%v", g.Notes)
			require.NoError(t, Refusal(map[string]Guarantee{id: g}, false))
			err := Refusal(map[string]Guarantee{id: g}, true)
			if tc.note == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.note)
			require.Subset(t, g.Notes, g.Unsafe)
		})
	}
	// the default of num_consumers is 10
	for partitions, refused := range map[int]bool{10: false, 11: true} {
		g := Check(changed(t, safeRefiner, change{queue + "num_consumers", nil},
			change{receiver + "max_fetch_size", partitions * 524288}), nil)["kafka"]
		require.Equal(t, refused, len(g.Unsafe) > 0, "%d partitions: %v", partitions, g.Notes)
	}
}

func TestKafkaIsNamed(t *testing.T) {
	const topic = "mlflow-traces at kafka-1:9092, kafka-2:9092"
	g := Check(changed(t, safeReader), nil)["mlflow"]
	require.Empty(t, g.Destinations)
	require.Equal(t, []Topic{{"kafka", topic, progress.HandedOver}}, g.Topics)
	require.Equal(t, "kafka writes to topic "+topic+", and all in-sync replicas acknowledge it; what reads the topic "+
		"delivers it", g.Reason)
	require.Equal(t, []string{"kafka"}, g.Exporters())

	g = Check(changed(t, safeRefiner), nil)["kafka"]
	require.Equal(t, "mlflow-traces at localhost:9092", g.Source)
	require.Equal(t, "otel-collector", g.Group) // the default of the receiver
	require.Equal(t, []string{stops}, g.Notes)
	require.Len(t, g.Destinations, 1)

	for want, cfg := range map[string]map[string]any{
		"otlp_spans at a:1, b:2":               {"brokers": "a:1,b:2"},
		"of attribute team at localhost:9092":  {"topic_from_attribute": "team"},
		"of metadata tenant at localhost:9092": {"traces": map[string]any{"topic_from_metadata_key": "tenant"}},
		"a, b at localhost:9092":               {"traces": map[string]any{"topics": []any{"a", "b"}}},
	} {
		require.Equal(t, want, topicOf(cfg))
	}
}

// stops is what is said where no mlflow_quarantine connector lies between.
const stops = "one 400 or 413 stops a partition of kafka until another consumer gets it; put an mlflow_quarantine " +
	"connector in front of the exporter"

// What stops a partition is said, and what two exporters behind one group mean.
func TestKafkaNotes(t *testing.T) {
	g := Check(changed(t, safeRefiner, change{"extensions::mlflow_report", nil}), nil)["kafka"]
	require.Equal(t, []string{"exporter otlp_http: one 401, 403, 404, 408 or 500 stops a partition until another " +
		"consumer gets it; write extensions::mlflow_report::retry_refusals: true", stops}, g.Notes)
	require.Empty(t, g.Unsafe)
	g = Check(changed(t, safeRefiner, change{"service::pipelines::traces::exporters",
		[]any{"otlp_http", "otlp_http/second"}}), nil)["kafka"]
	require.Contains(t, strings.Join(g.Notes, "\n"), "write one receiver per destination")
}

// An otlp receiver is checked where traces or logs come from it. What waits on disk there can't be read again, so it
// is safe.
func TestOTLPReceiver(t *testing.T) {
	const yaml = `
receivers: {otlp: , otlp/metrics: , otlp/unused: }
exporters: {otlp_http: {middlewares: [{id: mlflow_report}], sending_queue: {storage: file_storage}}}
service:
  extensions: [mlflow_report]
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_http]}
    metrics: {receivers: [otlp/metrics], exporters: [otlp_http]}`
	all := Check(changed(t, yaml), nil)
	require.Equal(t, []string{"otlp"}, slices.Collect(maps.Keys(all)))
	require.Equal(t, progress.HandedOver, all["otlp"].Delivery)
	require.NoError(t, Refusal(all, true))
	all = Check(changed(t, yaml, change{"exporters::otlp_http::sending_queue", nil}), nil)
	require.ErrorContains(t, Refusal(all, true), "otlp: handed_over: otlp_http queues in memory")
}

// The shipped configurations are safe.
func TestShippedConfigurationsForKafka(t *testing.T) {
	files, err := filepath.Glob("../../config/kafka-*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		// The exporter that is the default of a variable.
		text = []byte(strings.ReplaceAll(string(text), `"${env:OTELCOL_MLFLOW_EXPORTER:-otlp_http}"`, "otlp_http"))
		retrieved, err := confmap.NewRetrievedFromYAML(text)
		require.NoError(t, err)
		conf, err := retrieved.AsConf()
		require.NoError(t, err)
		all := Check(conf.ToStringMap(), nil)
		require.Len(t, all, len(section(conf.ToStringMap(), "receivers"))) // config/kafka-verify.yaml has none
		require.NoError(t, Refusal(all, true), file)
	}
}
