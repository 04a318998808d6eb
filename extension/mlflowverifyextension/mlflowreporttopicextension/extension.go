// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreporttopicextension

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/kafkaclient"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// largest bounds a report before compression; mlflow_verify reads no larger one.
const largest = 64 << 20

// publisher writes reports in one goroutine that Start begins and Shutdown ends: a report that was replaced before the
// brokers were there is never sent.
type publisher struct {
	cfg *Config
	log *zap.Logger

	client *kgo.Client
	ctx    context.Context // of the writes; it ends when a stop has waited long enough
	cancel context.CancelFunc
	wake   chan struct{} // holds a token when there are reports to write
	stop   chan struct{} // closed by Shutdown
	done   chan struct{}

	mu     sync.Mutex
	newest map[string]*kgo.Record // by id, of each mlflow_report; removed once the brokers have it
	failed error                  // of the last write
}

var (
	_ extension.Extension             = (*publisher)(nil)
	_ extensioncapabilities.Dependent = (*publisher)(nil)
	_ progress.Publisher              = (*publisher)(nil)
)

func newPublisher(set extension.Settings, cfg *Config) *publisher {
	return &publisher{cfg: cfg, log: set.Logger, wake: make(chan struct{}, 1),
		newest: map[string]*kgo.Record{}}
}

// Dependencies implements extensioncapabilities.Dependent: an extension that gives tokens must have started.
func (p *publisher) Dependencies() []component.ID {
	return kafkaclient.TokenSource(&p.cfg.ClientConfig)
}

// Start asks no broker.
func (p *publisher) Start(ctx context.Context, host component.Host) (err error) {
	p.client, err = kafkaclient.New(ctx, host, &p.cfg.ClientConfig, kgo.DefaultProduceTopic(p.cfg.Topic),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.ZstdCompression()),
		kgo.ProducerBatchMaxBytes(largest+1<<20), kgo.ProduceRequestTimeout(5*time.Second),
		kgo.UnknownTopicRetries(1), kgo.MetadataMinAge(time.Second), // a topic that is not there is told within seconds
		// One report is written at a time, and one that comes twice is the same: then a write can be given up.
		kgo.DisableIdempotentWrite())
	if err != nil {
		return err
	}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.stop, p.done = make(chan struct{}), make(chan struct{})
	go p.run()
	return nil
}

// PublishReport implements progress.Publisher.
func (p *publisher) PublishReport(id string, report []byte) {
	p.mu.Lock()
	p.newest[id] = &kgo.Record{Key: []byte(id), Value: report}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run writes until it is stopped, and then once more what is not written yet.
func (p *publisher) run() {
	defer close(p.done)
	for {
		select {
		case <-p.wake:
			ctx, cancel := context.WithTimeout(p.ctx, progress.PublishWithin)
			p.write(ctx)
			cancel()
		case <-p.stop:
			p.write(p.ctx)
			return
		}
	}
}

// write writes what the brokers do not have yet. After an error the next report is written, which comes within a
// minute, or this one at the stop.
func (p *publisher) write(ctx context.Context) {
	p.mu.Lock()
	p.failed = nil
	records := slices.Collect(maps.Values(p.newest))
	p.mu.Unlock()
	for _, r := range records {
		err := p.client.ProduceSync(ctx, &kgo.Record{Key: r.Key, Value: r.Value}).FirstErr()
		switch {
		case errors.Is(err, kerr.MessageTooLarge):
			err = fmt.Errorf("a report of %d bytes: %w; raise max.message.bytes of the topic", len(r.Value), err)
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			err = fmt.Errorf("%w; make the topic, with cleanup.policy=compact", err)
		}
		if err != nil {
			err = fmt.Errorf("topic %s: the report can't be written: %w", p.cfg.Topic, err)
			p.log.Error("The report is not in the topic; the next one is written", zap.Error(err))
		}
		p.mu.Lock()
		p.failed = errors.Join(p.failed, err)
		if id := string(r.Key); err == nil && p.newest[id] == r {
			delete(p.newest, id)
		}
		p.mu.Unlock()
	}
}

// Shutdown waits until the brokers have the last report, for the timeout at most, and returns an error if they have it
// not: a verdict would rest on an older one. mlflow_report has stopped by then. It may be called without Start.
func (p *publisher) Shutdown(context.Context) error {
	if p.client == nil {
		return nil
	}
	deadline, cancel := context.WithTimeout(context.Background(), p.cfg.Timeout)
	defer cancel()
	close(p.stop)
	select {
	case <-p.done:
	case <-deadline.Done():
	}
	p.cancel()
	p.client.Close() // ends a write that still waits
	<-p.done
	p.client = nil
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.newest) == 0 {
		return nil
	}
	return errors.Join(fmt.Errorf("the last report was not written within %s (timeout)", p.cfg.Timeout), p.failed)
}
