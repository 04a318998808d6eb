// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowverifyextension

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/drain"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/reports"
)

// published reads the reports that mlflow_report_topic wrote to a topic.
type published struct {
	client *kgo.Client // with the options of consuming
	topic  *cluster
	drain.Patience

	next   map[int32]int64 // offsets by partition; nil before the topic was found
	gone   int64           // records that were deleted, not compacted: reports may be missing
	newest reports.Newest
}

// consuming are the options of a client that reads a topic from its start, without a group.
func consuming(topic string) []kgo.Opt {
	return []kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.KeepControlRecords()} // so that the last offset is always met
}

// read returns the newest report of each process, as of now.
func (p *published) read(ctx context.Context) ([]reports.Document, error) {
	if _, err := p.Ask(ctx, p.catchUp); err != nil {
		return nil, fmt.Errorf("reports_topic: %w", err)
	}
	list, err := p.newest.All()
	if err != nil {
		return nil, fmt.Errorf("reports_topic: %w", err)
	}
	return list, nil
}

// known lets a topic that was there be asked for again.
func (p *published) known(err error) error {
	if p.next == nil {
		return err
	}
	return passing(err)
}

// catchUp reads the topic to its present end. After an error it goes on where it was.
func (p *published) catchUp(ctx context.Context) error {
	begins, err := p.topic.begins(ctx)
	if err != nil {
		return p.known(err)
	}
	ends, err := p.topic.Ends(ctx)
	if err != nil {
		return p.known(err)
	}
	if p.next == nil {
		p.next, p.newest = map[int32]int64{}, reports.Newest{}
	}
	p.gone = 0
	for _, begin := range begins { // compaction does not move it
		p.gone += begin
	}
	behind := func() bool {
		for partition, end := range ends {
			if max(p.next[partition], begins[partition]) < end {
				return true
			}
		}
		return false
	}
	p.client.ForceMetadataRefresh() // it may not know new partitions
	for behind() {
		fetched := p.client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return fmt.Errorf("topic %s was not read to its end: %w", p.topic.topic, err)
		}
		for r := range fetched.RecordsAll() {
			p.next[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				p.newest.Add(r.Topic, r.Partition, r.Offset, string(r.Key), r.Value)
			}
		}
	}
	return nil
}
