// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// quarantine is safeRefiner with a connector, and dead letters in a topic.
func quarantine(t *testing.T, changes ...change) map[string]any {
	t.Helper()
	m := changed(t, safeRefiner)
	add := changed(t, `
connectors: {mlflow_quarantine: {dead_letters: [traces/dead]}}
exporters:
  kafka/dead:
    traces: {topic: mlflow-traces-dead}
    producer: {required_acks: all, allow_auto_topic_creation: false}
    sending_queue: {wait_for_result: true}
  file: {path: dead.jsonl}
pipelines:
  traces: {receivers: [kafka], exporters: [mlflow_quarantine]}
  traces/deliver: {receivers: [mlflow_quarantine], exporters: [otlp_http]}
  traces/dead: {receivers: [mlflow_quarantine], exporters: [kafka/dead]}`)
	m["connectors"] = add["connectors"]
	section(m, "service")["pipelines"] = add["pipelines"]
	maps.Copy(section(m, "exporters"), section(add, "exporters"))
	for _, c := range changes {
		c.apply(m)
	}
	return m
}

// Dead letters in a topic that all in-sync replicas have, or in a file that is not truncated, are safe; others are
// named with the remedy.
func TestQuarantine(t *testing.T) {
	g := Check(quarantine(t), nil)["kafka"]
	require.Equal(t, progress.Acknowledged, g.Delivery)
	require.Empty(t, g.Notes)
	require.Empty(t, g.Unsafe)
	require.Empty(t, g.Topics)
	require.Len(t, g.Destinations, 1)
	const topic = "topic mlflow-traces-dead at localhost:9092"
	require.Equal(t, []Destination{{"kafka/dead", topic, progress.HandedOver, ""}}, g.DeadLetters)

	const dead = "exporters::kafka/dead::"
	for _, tc := range []struct {
		change
		note string
	}{
		{change{dead + "producer::required_acks", 1}, "write producer::required_acks: all"},
		{change{dead + "producer::allow_auto_topic_creation", nil}, "a wrong name is no error"},
		{change{dead + "sending_queue", nil}, "kafka/dead queues in memory"},
		{change{"service::pipelines::traces/dead::exporters", []any{"file"}}, "write rotation"},
		{change{"service::pipelines::traces/dead::processors", []any{"batch"}}, "answers at once"},
		{change{"service::pipelines::traces/dead::exporters", []any{"foreign"}}, "waits_for_result: [foreign]"},
	} {
		g := Check(quarantine(t, tc.change), nil)
		require.Equal(t, progress.HandedOver, g["kafka"].Delivery)
		err := Refusal(g, true)
		require.ErrorContains(t, err, "dead letters of connector mlflow_quarantine: ")
		require.ErrorContains(t, err, tc.note)
	}
	g = Check(quarantine(t, change{"exporters::otlp_http::sending_queue::wait_for_result", false}), nil)["kafka"]
	require.Equal(t, progress.HandedOver, g.Delivery, "what delivers is checked as without a connector")
	g = Check(quarantine(t, change{"service::pipelines::traces/dead::exporters", []any{"file"}},
		change{"exporters::file::rotation", map[string]any{"max_backups": 0}}), nil)["kafka"]
	require.Equal(t, progress.Acknowledged, g.Delivery)
	require.Equal(t, []string{"dead.jsonl"}, g.Files)
	require.Empty(t, g.Unsafe)
}

// A receiver must not read its own dead letters.
func TestDeadLettersGoRound(t *testing.T) {
	const key = "receivers::kafka::traces::topics"
	all := Check(quarantine(t, change{key, []any{"a", "mlflow-traces-dead"}}), nil)
	require.ErrorContains(t, Refusal(all, false), "receivers::kafka reads topic mlflow-traces-dead, which "+
		"exporters::kafka/dead writes dead letters to")
	all = Check(quarantine(t, change{key, []any{"mlflow-traces-dead"}}, change{"receivers::kafka::brokers", "other:1"}),
		nil)
	require.NoError(t, Refusal(all, false))
	for _, x := range []struct {
		topics, excluded []any
		round            bool
	}{
		{[]any{"^mlflow-traces"}, nil, true},
		{[]any{"^a", "mlflow-traces"}, nil, true}, // each of them is a pattern then
		{[]any{"^mlflow-traces$"}, nil, false},
		{[]any{"mlflow-traces"}, nil, false},
		{[]any{"^mlflow-traces"}, []any{"dead$"}, false},
	} {
		all = Check(quarantine(t, change{key, x.topics},
			change{"receivers::kafka::traces::exclude_topics", x.excluded}), nil)
		require.Equal(t, x.round, Refusal(all, false) != nil, "%v", x)
	}
}

// The mlflow receiver counts what is refused, so nothing may be set aside behind its back.
func TestQuarantineBehindReceiver(t *testing.T) {
	all := Check(quarantine(t, change{"receivers", map[string]any{"mlflow": nil}},
		change{"service::pipelines::traces::receivers", []any{"mlflow"}}), nil)
	require.Equal(t, progress.Unknown, all["mlflow"].Delivery)
	require.ErrorContains(t, Refusal(all, true), "remove it: the mlflow receiver itself finds and names")
}
