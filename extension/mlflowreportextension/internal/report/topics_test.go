// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// A reader that writes to a topic has no destination; a consumer of it has one, and names the topic.
func TestTopics(t *testing.T) {
	const topic = "mlflow-traces at kafka:9092"
	reading := New(Input{Runs: []progress.Run{run("a", nil)}, Behind: func(string) delivery.Guarantee {
		return delivery.Guarantee{Topics: []delivery.Topic{{Component: "kafka", Name: topic,
			Delivery: progress.HandedOver}}}
	}}, now)
	require.Empty(t, reading.Receivers[0].Destinations)
	require.Equal(t, []Topic{{"kafka", topic, progress.HandedOver}}, reading.Receivers[0].Topics)
	require.Empty(t, reading.TopicReaders)
	_, all := summary(t, reading)
	require.Contains(t, all, "\n  topic     "+topic+"\n")
	require.NotContains(t, all, "\n  output ")

	refining := New(Input{TopicReaders: []string{"kafka"}, Behind: func(string) delivery.Guarantee {
		return delivery.Guarantee{Delivery: progress.Acknowledged, Source: topic, Group: "refine",
			Notes: []string{"a note"}, Destinations: behind("otlp_http")}
	}}, now)
	first, all := summary(t, refining)
	require.Equal(t, "kafka reads topic "+topic+"; delivery: acknowledged", first)
	require.Contains(t, all, "\n  delivery  acknowledged: every destination has confirmed what it got\n"+
		"            a note\n  output    somewhere\n")
	body, err := json.Marshal(refining.TopicReaders)
	require.NoError(t, err)
	require.JSONEq(t, `[{"receiver": "kafka", "topic": "`+topic+`", "group_id": "refine",
		"delivery": "acknowledged", "delivery_notes": ["a note"],
		"destinations": [{"exporter": "otlp_http", "name": "somewhere", "delivery": "acknowledged"}]}]`, string(body))
}

// A process that goes on reading a topic tells what destinations rejected of it before.
func TestRejectedEarlier(t *testing.T) {
	var e Earlier
	require.NoError(t, json.Unmarshal([]byte(`{"topic_readers": [{"topic": "a at b:9092", "group_id": "refine"}],
		"destination_results": [{"rejected": 1}], "answers": [{"rejected": 2}, {"rejected": 4}],
		"rejected_earlier": 8}`), &e))
	require.EqualValues(t, 15, e.rejected([]TopicReader{{Topic: "other"}, {Topic: "a at b:9092", GroupID: "refine"}}))
	require.Zero(t, e.rejected([]TopicReader{{Topic: "a at b:9092", GroupID: "again"}}))
	require.Zero(t, e.rejected(nil))
}

// A process that goes on reading a topic tells the word of one before it whose report it replaces, where it is weaker.
func TestDeliveryEarlier(t *testing.T) {
	for _, x := range []struct{ before, group, want string }{
		{`"delivery": "unknown"`, "refine", `"delivery_earlier":"unknown"`},
		{`"delivery": "acknowledged", "delivery_earlier": "handed_over"`, "refine", `"delivery_earlier":"handed_over"`},
		{`"delivery": "acknowledged"`, "refine", ""},
		{`"notes": []`, "refine", ""},
		{`"delivery": "unknown"`, "again", ""},
	} {
		in := Input{TopicReaders: []string{"kafka"}, Behind: func(string) delivery.Guarantee {
			return delivery.Guarantee{Delivery: progress.Acknowledged, Source: "a at b:9092", Group: "refine"}
		}}
		require.NoError(t, json.Unmarshal([]byte(`{"topic_readers": [{"topic": "a at b:9092", "group_id": "`+x.group+
			`", `+x.before+`}]}`), &in.Earlier))
		body, err := json.Marshal(New(in, now).TopicReaders)
		require.NoError(t, err)
		require.Contains(t, string(body), x.want)
		require.Equal(t, x.want != "", strings.Contains(string(body), "delivery_earlier"))
	}
}
