// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreporttopicextension

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/mlflowreporttopicextension/internal/metadata"
)

const topic = "reports"

// start starts the extension for a cluster in this process.
func start(t *testing.T, fake *kfake.Cluster, change func(*Config)) (*publisher, *observer.ObservedLogs) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Brokers, cfg.Topic = fake.ListenAddrs(), topic
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	core, logs := observer.New(zap.ErrorLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	p := newPublisher(set, cfg)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	return p, logs
}

func cluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	fake, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	return fake
}

// records are the first n ones of the topic.
func records(t *testing.T, fake *kfake.Cluster, n int) (list []*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(fake.ListenAddrs()...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	for len(list) < n {
		fetched := client.PollFetches(t.Context())
		require.NoError(t, fetched.Err())
		list = append(list, fetched.Records()...)
	}
	return list
}

// A report is written at once, and what is there at the stop is written before it.
func TestPublishes(t *testing.T) {
	fake := cluster(t, kfake.SeedTopics(1, topic))
	p, logs := start(t, fake, nil)
	p.PublishReport("reader-0", []byte("first"))
	require.Equal(t, "reader-0", string(records(t, fake, 1)[0].Key))
	p.PublishReport("reader-0", []byte("last"))
	require.NoError(t, p.Shutdown(t.Context()))
	list := records(t, fake, 2)
	require.Equal(t, "last", string(list[1].Value))
	require.Equal(t, "reader-0", string(list[1].Key))
	require.Zero(t, logs.Len())
}

// While the brokers refuse, reports replace each other; the newest is written when they take it.
func TestNewestIsWritten(t *testing.T) {
	fake := cluster(t, kfake.SeedTopics(1, topic))
	refused := make(chan struct{})
	pass := make(chan struct{})
	asked := 0
	fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if asked++; asked == 1 {
			close(refused)
		}
		<-pass
		return nil, nil, false
	})
	p, _ := start(t, fake, nil)
	p.PublishReport("reader-0", []byte("first"))
	<-refused
	p.PublishReport("reader-0", []byte("second"))
	p.PublishReport("another", []byte("of its own"))
	p.PublishReport("reader-0", []byte("third"))
	close(pass)
	require.NoError(t, p.Shutdown(t.Context()))
	values := map[string][]string{}
	for _, r := range records(t, fake, 3) {
		values[string(r.Key)] = append(values[string(r.Key)], string(r.Value))
	}
	require.Equal(t, map[string][]string{"reader-0": {"first", "third"}, "another": {"of its own"}}, values)
}

// A report that the brokers do not have at the end is an error, which says what to do.
func TestNotWritten(t *testing.T) {
	t.Run("no topic", func(t *testing.T) {
		p, logs := start(t, cluster(t), nil)
		p.PublishReport("reader-0", []byte("last"))
		err := p.Shutdown(t.Context())
		require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
		require.ErrorContains(t, err, "topic reports")
		require.ErrorContains(t, err, "make the topic")
		require.NotZero(t, logs.Len())
	})
	t.Run("too large", func(t *testing.T) {
		fake := cluster(t, kfake.SeedTopics(1, topic))
		p, _ := start(t, fake, nil)
		fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			fake.KeepControl()
			answer := req.ResponseKind().(*kmsg.ProduceResponse)
			for _, asked := range req.(*kmsg.ProduceRequest).Topics {
				partition := kmsg.NewProduceResponseTopicPartition()
				partition.ErrorCode = kerr.MessageTooLarge.Code
				of := kmsg.NewProduceResponseTopic()
				of.Topic, of.TopicID = asked.Topic, asked.TopicID
				of.Partitions = append(of.Partitions, partition)
				answer.Topics = append(answer.Topics, of)
			}
			return answer, nil, true
		})
		p.PublishReport("reader-0", []byte(strings.Repeat("x", 5000)))
		require.ErrorContains(t, p.Shutdown(t.Context()), "a report of 5000 bytes: MESSAGE_TOO_LARGE")
	})
	t.Run("brokers are away", func(t *testing.T) {
		fake := cluster(t, kfake.SeedTopics(1, topic))
		p, _ := start(t, fake, func(c *Config) { c.Timeout = 50 * time.Millisecond })
		fake.Close()
		p.PublishReport("reader-0", []byte("last"))
		require.ErrorContains(t, p.Shutdown(t.Context()), "the last report was not written within 50ms (timeout)")
	})
}
