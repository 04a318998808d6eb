// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Defaults and behavior of the Kafka components are those of their code at v0.158.0, and of runs against a broker.

// Topic is what a Kafka exporter writes to, or a Kafka receiver reads.
type Topic struct {
	Component string
	Name      string // with the brokers: "mlflow-traces at kafka-1:9092, kafka-2:9092"
	Delivery  progress.Delivery
}

// topic adds what an exporter writes to; of one that is reached twice the weaker word counts.
func (f *Guarantee) topic(t Topic) {
	at := slices.IndexFunc(f.Topics, func(o Topic) bool { return o.Component == t.Component })
	if at < 0 {
		f.Topics = append(f.Topics, t)
		return
	}
	f.Topics[at].Delivery = progress.Weakest(f.Topics[at].Delivery, t.Delivery)
}

// topicOf names what an exporter or receiver of Kafka uses for traces.
func topicOf(cfg map[string]any) string {
	traces := section(cfg, "traces")
	name := strings.Join(texts(traces, "topics"), ", ")
	switch {
	case name != "":
	case text(cfg, "topic_from_attribute") != "":
		name = "of attribute " + text(cfg, "topic_from_attribute")
	case text(traces, "topic_from_metadata_key") != "":
		name = "of metadata " + text(traces, "topic_from_metadata_key")
	case text(traces, "topic") != "":
		name = text(traces, "topic")
	default:
		name = "otlp_spans"
	}
	brokers := strings.Join(texts(cfg, "brokers"), ", ")
	if brokers == "" {
		brokers = "localhost:9092"
	}
	return name + " at " + brokers
}

// readsTopic reports whether a receiver of Kafka reads a topic. Where one of its topics is a pattern, there may be
// patterns of what is left out.
func readsTopic(cfg map[string]any, topic string) bool {
	names, _, _ := strings.Cut(topicOf(cfg), " at ")
	list := strings.Split(names, ", ")
	return TopicAmong(list, topic) &&
		!(arePatterns(list) && anyMatches(texts(section(cfg, "traces"), "exclude_topics"), topic))
}

// TopicAmong reports whether the topics of a receiver of Kafka mean a topic. The receiver takes all of them as patterns
// where one begins with ^.
func TopicAmong(topics []string, topic string) bool {
	if arePatterns(topics) {
		return anyMatches(topics, topic)
	}
	return slices.Contains(topics, topic)
}

func arePatterns(topics []string) bool {
	return slices.ContainsFunc(topics, func(s string) bool { return strings.HasPrefix(s, "^") })
}

func anyMatches(patterns []string, topic string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, err := regexp.MatchString(pattern, topic)
		return err == nil && matched
	})
}

// groupOf names the group that a receiver of Kafka is a member of.
func groupOf(cfg map[string]any) string { return cmp.Or(text(cfg, "group_id"), "otel-collector") }

// kafkaExporter returns handed_over for an exporter that answers once all in-sync replicas have a message, and unknown
// for any other.
func (g *graph) kafkaExporter(id string, cfg map[string]any, f *Guarantee) progress.Delivery {
	producer := section(cfg, "producer")
	word := g.queue(id, cfg, true, f)
	if acks := text(producer, "required_acks"); acks != "all" && acks != "-1" {
		if acks == "" {
			acks = "1"
		}
		word = f.lower(progress.Unknown, fmt.Sprintf("exporter %s: with producer::required_acks: %s a broker that "+
			"dies takes messages with it; write producer::required_acks: all", id, acks))
	}
	if text(producer, "allow_auto_topic_creation") != "false" {
		word = f.lower(progress.Unknown, fmt.Sprintf("exporter %s: a topic that does not exist is made, with the "+
			"retention of the broker, so a wrong name is no error; write producer::allow_auto_topic_creation: "+
			"false", id))
	}
	if word.AtLeast(progress.HandedOver) {
		word = f.weaken(progress.HandedOver, fmt.Sprintf("%s writes to topic %s, and all in-sync replicas acknowledge "+
			"it; what reads the topic delivers it", id, topicOf(cfg)))
	}
	return word
}

// kafkaReceiver notes what makes a receiver skip messages, lose them or stop.
func kafkaReceiver(id string, cfg map[string]any, f *Guarantee) {
	key := "receivers::" + id + "::"
	if text(cfg, "initial_offset") != "earliest" {
		f.lower(progress.Unknown, key+"initial_offset: latest, the default, skips what is in the topic before the "+
			"group starts; write earliest")
	}
	marking := section(cfg, "message_marking")
	onError := text(marking, "on_error")
	onPermanent := text(marking, "on_permanent_error")
	if onPermanent == "" {
		onPermanent = onError
	}
	switch {
	case text(marking, "after") != "true":
		f.lower(progress.HandedOver, key+"message_marking::after: false, the default, marks a message before it is "+
			"delivered; write message_marking: {after: true, on_error: false, on_permanent_error: false}")
	case onError == "true":
		f.lower(progress.HandedOver, key+"message_marking::on_error: true drops a message whose delivery failed; "+
			"write false")
	case onPermanent == "true":
		f.lower(progress.HandedOver, key+"message_marking::on_permanent_error: true drops a message that a "+
			"destination refuses; write false")
	}
	if text(section(cfg, "autocommit"), "enable") != "false" {
		f.unsafe(key + "autocommit::enable: true, the default, commits by the clock, and more is delivered again " +
			"after a crash; write autocommit: {enable: false}")
	}
	const remedy = "error_backoff: {enabled: true, initial_interval: 1s, max_interval: 30s, multiplier: 1.5, " +
		"max_elapsed_time: 0}"
	backoff := section(cfg, "error_backoff")
	switch {
	case text(backoff, "enabled") != "true":
		f.unsafe(key + "error_backoff is off by default: an error that passes stops a partition until another " +
			"consumer gets it; write " + remedy)
	case !isZero(text(backoff, "max_elapsed_time")):
		f.unsafe(fmt.Sprintf("%serror_backoff::max_elapsed_time: %s: what takes longer is fetched again and again; "+
			"write 0, which has no end", key, text(backoff, "max_elapsed_time")))
	case isZero(text(backoff, "multiplier")):
		f.unsafe(key + "error_backoff::multiplier is missing: from the second time on it tries again without a " +
			"pause; write " + remedy)
	}
}

// sendersBehind notes exporters that can't send for all partitions at once, and those where an answer that passes stops
// a partition. How many partitions there are is known only from the sizes of a fetch.
func (g *graph) sendersBehind(receiver string, cfg map[string]any, f *Guarantee) {
	most, _ := strconv.Atoi(text(cfg, "max_fetch_size"))
	each, _ := strconv.Atoi(text(cfg, "max_partition_fetch_size"))
	partitions := 1
	if most > 0 && each > 0 {
		partitions = most / each
	}
	for _, d := range f.Destinations {
		exporter := section(section(g.conf, "exporters"), d.Exporter)
		q, on := exporter["sending_queue"].(map[string]any)
		senders := 10
		if n, err := strconv.Atoi(text(q, "num_consumers")); err == nil {
			senders = n
		}
		if on && senders < partitions {
			f.unsafe(fmt.Sprintf("exporter %s: %d senders for %d partitions, which max_fetch_size of %s is made for: "+
				"partitions wait for each other; write sending_queue::num_consumers: %d", d.Exporter, senders,
				partitions, receiver, partitions))
		}
		report := section(section(g.conf, "extensions"), d.Reader)
		if IsOTLP(d.Exporter) && d.Reader != "" && text(report, "retry_refusals") != "true" {
			f.note(fmt.Sprintf("exporter %s: one 401, 403, 404, 408 or 500 stops a partition until another consumer "+
				"gets it; write extensions::%s::retry_refusals: true", d.Exporter, d.Reader))
		}
	}
}

func isZero(duration string) bool { return duration == "" || duration == "0" || duration == "0s" }

// texts is a list as it is written, or one text with commas between its parts.
func texts(m map[string]any, key string) []string {
	if s, ok := m[key].(string); ok {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	}
	if s, ok := m[key].([]string); ok {
		return s
	}
	return list(m, key)
}
