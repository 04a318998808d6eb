// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
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

// changed is a configuration with other settings, by key; a nil one is removed.
func changed(t *testing.T, yaml string, change map[string]any) map[string]any {
	t.Helper()
	m := parse(t, yaml).ToStringMap()
	for key, value := range change {
		in := m
		keys := strings.Split(key, "::")
		for _, k := range keys[:len(keys)-1] {
			in = section(in, k)
		}
		if value == nil {
			delete(in, keys[len(keys)-1])
		} else {
			in[keys[len(keys)-1]] = value
		}
	}
	return m
}

// Each setting that is not safe has its word and its remedy, and strict refuses it.
func TestKafka(t *testing.T) {
	const exporter, receiver = "exporters::kafka::", "receivers::kafka::"
	for name, tc := range map[string]struct {
		change map[string]any
		want   progress.Delivery
		note   string // what strict refuses; empty: nothing
	}{
		"reader":                 {map[string]any{}, progress.HandedOver, ""},
		"reader, acks written":   {map[string]any{exporter + "producer::required_acks": -1}, progress.HandedOver, ""},
		"reader, queue is off":   {map[string]any{exporter + "sending_queue::enabled": false}, progress.HandedOver, ""},
		"reader, one replica":    {map[string]any{exporter + "producer::required_acks": 1}, progress.Unknown, "acks: all"},
		"reader, no replica":     {map[string]any{exporter + "producer::required_acks": 0}, progress.Unknown, "acks: all"},
		"reader, default acks":   {map[string]any{exporter + "producer::required_acks": nil}, progress.Unknown, "acks: 1"},
		"reader, default queue":  {map[string]any{exporter + "sending_queue": nil}, progress.Unknown, "in memory"},
		"reader, queue":          {map[string]any{exporter + "sending_queue::wait_for_result": false}, progress.Unknown, "in memory"},
		"reader, queue on disk":  {map[string]any{exporter + "sending_queue::storage": "f"}, progress.Unknown, "on disk"},
		"reader, makes a topic":  {map[string]any{exporter + "producer::allow_auto_topic_creation": nil}, progress.Unknown, "wrong name"},
		"reader, makes a topic2": {map[string]any{exporter + "producer::allow_auto_topic_creation": true}, progress.Unknown, "wrong name"},

		"refiner":                   {map[string]any{receiver + "group_id": "g"}, progress.Acknowledged, ""},
		"refiner, latest":           {map[string]any{receiver + "initial_offset": "latest"}, progress.Unknown, "write earliest"},
		"refiner, default offset":   {map[string]any{receiver + "initial_offset": nil}, progress.Unknown, "write earliest"},
		"refiner, early":            {map[string]any{receiver + "message_marking::after": false}, progress.HandedOver, "before it is delivered"},
		"refiner, default marking":  {map[string]any{receiver + "message_marking": nil}, progress.HandedOver, "before it is delivered"},
		"refiner, on error":         {map[string]any{receiver + "message_marking::on_error": true}, progress.HandedOver, "on_error"},
		"refiner, on permanent":     {map[string]any{receiver + "message_marking::on_permanent_error": true}, progress.HandedOver, "refuses; write false"},
		"refiner, automatic commit": {map[string]any{receiver + "autocommit": nil}, progress.Acknowledged, "autocommit: {enable: false}"},
		"refiner, no back-off":      {map[string]any{receiver + "error_backoff": nil}, progress.Acknowledged, "write error_backoff"},
		"refiner, bounded":          {map[string]any{receiver + "error_backoff::max_elapsed_time": "5m"}, progress.Acknowledged, "write 0"},
		"refiner, no pause":         {map[string]any{receiver + "error_backoff::multiplier": nil}, progress.Acknowledged, "without a pause"},
		"refiner, queue":            {map[string]any{"exporters::otlp_http::sending_queue::wait_for_result": false}, progress.HandedOver, "in memory"},
		"refiner, queue on disk":    {map[string]any{"exporters::otlp_http::sending_queue::storage": "f"}, progress.HandedOver, ""},
		"refiner, few senders":      {map[string]any{"exporters::otlp_http::sending_queue::num_consumers": 7}, progress.Acknowledged, "num_consumers: 8"},
		"refiner, default senders": {map[string]any{"exporters::otlp_http::sending_queue::num_consumers": nil,
			receiver + "max_fetch_size": 11 * 524288}, progress.Acknowledged, "num_consumers: 11"},
		"refiner, batch": {map[string]any{"service::pipelines::traces::processors": []any{"batch"}}, progress.HandedOver,
			"remove it: a crash loses what it holds"},
	} {
		t.Run(name, func(t *testing.T) {
			yaml, id := safeReader, "mlflow"
			if strings.HasPrefix(name, "refiner") {
				yaml, id = safeRefiner, "kafka"
			}
			conf := changed(t, yaml, tc.change)
			g := Check(conf, nil)[id]
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
}

func TestKafkaIsNamed(t *testing.T) {
	const topic = "mlflow-traces at kafka-1:9092, kafka-2:9092"
	g := Check(changed(t, safeReader, nil), nil)["mlflow"]
	require.Empty(t, g.Destinations)
	require.Equal(t, []Topic{{"kafka", topic, progress.HandedOver}}, g.Topics)
	require.Equal(t, "kafka writes to topic "+topic+", and all in-sync replicas acknowledge it; what reads the topic "+
		"delivers it", g.Reason)
	require.Equal(t, []string{"kafka"}, g.Exporters())

	g = Check(changed(t, safeRefiner, nil), nil)["kafka"]
	require.Equal(t, "mlflow-traces at localhost:9092", g.Source)
	require.Empty(t, g.Notes)
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

// What stops a partition is said, and what two exporters behind one group mean.
func TestKafkaNotes(t *testing.T) {
	g := Check(changed(t, safeRefiner, map[string]any{"extensions::mlflow_report": nil}), nil)["kafka"]
	require.Equal(t, []string{"exporter otlp_http: one 401, 403, 404, 408 or 500 stops a partition until another " +
		"consumer gets it; write extensions::mlflow_report::retry_refusals: true"}, g.Notes)
	require.Empty(t, g.Unsafe)
	g = Check(changed(t, safeRefiner, map[string]any{
		"service::pipelines::traces::exporters": []any{"otlp_http", "otlp_http/second"}}), nil)["kafka"]
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
	all := Check(changed(t, yaml, nil), nil)
	require.Equal(t, []string{"otlp"}, slices.Collect(maps.Keys(all)))
	require.Equal(t, progress.HandedOver, all["otlp"].Delivery)
	require.NoError(t, Refusal(all, true))
	all = Check(changed(t, yaml, map[string]any{"exporters::otlp_http::sending_queue": nil}), nil)
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
		require.Len(t, all, 1)
		require.NoError(t, Refusal(all, true), file)
	}
}
