// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowverifyextension

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/drain"
)

// cluster asks a cluster of Kafka about one topic and one group.
type cluster struct {
	admin        *kadm.Client
	topic, group string
}

var _ drain.Cluster = (*cluster)(nil)

// Ends implements drain.Cluster.
func (c *cluster) Ends(ctx context.Context) (map[int32]int64, error) {
	listed, err := c.admin.ListEndOffsets(ctx, c.topic)
	return c.offsets(listed, err)
}

// begins are the offsets of the first records, by partition.
func (c *cluster) begins(ctx context.Context) (map[int32]int64, error) {
	listed, err := c.admin.ListStartOffsets(ctx, c.topic)
	return c.offsets(listed, err)
}

// Look implements drain.Cluster. The topic was there when its ends were asked for: a broker that restarts may not know
// it for a while, so that is no final error here.
func (c *cluster) Look(ctx context.Context) (drain.Look, error) {
	l, err := c.look(ctx)
	return l, passing(err)
}

// passing makes the error that a topic is not there one that may pass.
func passing(err error) error {
	var final *drain.FinalError
	if errors.As(err, &final) && errors.Is(err, kerr.UnknownTopicOrPartition) {
		return final.Err
	}
	return err
}

func (c *cluster) look(ctx context.Context) (l drain.Look, err error) {
	if l.Start, err = c.begins(ctx); err != nil {
		return l, err
	}
	if l.Committed, err = c.committed(ctx); err != nil {
		return l, err
	}
	if l.End, err = c.Ends(ctx); err != nil {
		return l, err
	}
	l.Owners, l.Members, err = c.members(ctx)
	return l, err
}

// members are those of the group that read the topic, and those that do not say what they read: which one has each
// partition of the topic, and how many there are. A group may read other topics, too.
func (c *cluster) members(ctx context.Context) (owners map[int32]string, n int, err error) {
	groups, err := c.admin.DescribeGroups(ctx, c.group)
	if err == nil {
		err = groups[c.group].Err
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, 0, nil // none has joined it yet
	}
	if err != nil {
		return nil, 0, c.explain(err)
	}
	owners = map[int32]string{}
	for _, m := range groups[c.group].Members {
		// Brokers tell topics only while the group does not divide the partitions.
		if j, ok := m.Join.AsConsumer(); ok && len(j.Topics) > 0 && !slices.Contains(j.Topics, c.topic) {
			continue
		}
		n++
		assigned, ok := m.Assigned.AsConsumer()
		if !ok {
			continue // while the group divides the partitions
		}
		for _, t := range assigned.Topics {
			if t.Topic != c.topic {
				continue
			}
			for _, p := range t.Partitions {
				owners[p] = fmt.Sprintf("member %s at %s", m.MemberID, m.ClientHost)
			}
		}
	}
	return owners, n, nil
}

// offsets are those of the partitions of the topic.
func (c *cluster) offsets(listed kadm.ListedOffsets, err error) (map[int32]int64, error) {
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, c.explain(err)
	}
	out := map[int32]int64{}
	for _, o := range listed[c.topic] {
		out[o.Partition] = o.Offset
	}
	if len(out) == 0 {
		return nil, c.explain(kerr.UnknownTopicOrPartition)
	}
	return out, nil
}

func (c *cluster) committed(ctx context.Context) (map[int32]int64, error) {
	all, err := c.admin.FetchOffsets(ctx, c.group)
	if err == nil {
		err = all.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, c.explain(err)
	}
	out := map[int32]int64{}
	for _, o := range all[c.topic] {
		if o.At >= 0 {
			out[o.Partition] = o.At
		}
	}
	return out, nil
}

// explain says what was asked for, and whether asking again may help.
func (c *cluster) explain(err error) error {
	name := "topic " + c.topic
	if c.group != "" {
		name += ", group " + c.group
	}
	err = fmt.Errorf("%s: %w", name, err)
	for _, final := range []error{kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed,
		kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.SaslAuthenticationFailed,
		kerr.UnsupportedSaslMechanism, kerr.InvalidGroupID, kerr.InvalidTopicException} {
		if errors.Is(err, final) {
			return &drain.FinalError{Err: err}
		}
	}
	return err
}
