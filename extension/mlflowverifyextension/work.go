// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowverifyextension

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/count"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/drain"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/reports"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/verdict"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// usual is for members that write their reports every minute, and for what brokers still have under way when a process
// has given up: of the settle time a report has progress.PublishWithin to be sent.
var usual = patience{settle: time.Minute, renewedWithin: 150 * time.Second}

// work collects what the verdict is made of, tier by tier.
type work struct {
	cfg   *Config
	log   *zap.Logger
	admin *kadm.Client
	// access is the way to the workspace that counts; nil where nothing is counted.
	access *access.Access
	// published are reports in a topic; nil where there are files only.
	published *published
	in        verdict.Input
	patience
}

// patience is how long processes with reports are waited for.
type patience struct {
	// settle is after what time a report that was made is in the topic, or never comes there; renewedWithin is how long
	// members may take to write their reports again.
	settle, renewedWithin time.Duration
}

// do stops at the first tier that is not complete: what is behind it can't be.
func (w *work) do(ctx context.Context) error {
	cfg := w.cfg
	documents, empty, err := reports.Read(cfg.Reports)
	switch {
	case err != nil:
		return fmt.Errorf("reports: %w", err)
	case len(empty) > 0:
		return fmt.Errorf("reports: there is no report at %s", strings.Join(empty, ", "))
	}
	if w.published != nil {
		more, err := w.published.read(ctx)
		if err != nil {
			return err
		}
		if documents = reports.Merge(documents, reports.OfReaders(more)); len(documents) == 0 {
			return fmt.Errorf("reports_topic: topic %s has no report of a reader", cfg.ReportsTopic)
		}
	}
	w.in.Readers = reports.SumReaders(documents, cfg.Topic)
	if len(w.in.Readers.Problems) > 0 {
		return nil
	}
	group := &cluster{w.admin, cfg.Topic, cfg.GroupID}
	state, err := drain.Wait(ctx, drain.Settings{Cluster: group, Topic: cfg.Topic, Group: cfg.GroupID,
		Patience: w.asking()})
	w.in.Topic = &verdict.Topic{Name: cfg.Topic, GroupID: cfg.GroupID, State: *state}
	if err != nil {
		return err
	}
	if w.in.Consumers, err = w.consumers(ctx, group, state.Members, state.Drained()); err != nil {
		return err
	}
	if err := w.deadLetters(ctx); err != nil {
		return fmt.Errorf("dead_letters: %w", err)
	}
	return w.count(ctx)
}

// consumers reads the reports of the members of a group once those that live have written them again: what was refused
// before the last commit is in them then. The group may have counted members that were killed; it forgets them
// meanwhile. A group that is not done with its topic is not waited for. It returns nil where no place of reports is
// known.
func (w *work) consumers(ctx context.Context, group *cluster, members int, done bool) (*reports.Consumers, error) {
	cfg := w.cfg
	if len(cfg.ConsumerReports) == 0 && w.published == nil {
		return nil, nil
	}
	earlier, err := w.ofConsumers(ctx)
	if err != nil {
		return nil, err
	}
	going, _ := reports.Renewed(nil, earlier, group.topic, group.group)
	if w.published != nil && done && going > 0 { // not each has told that it ended
		w.log.Info("Waiting until reports that were made before the last commit are in the topic",
			zap.String("group", group.group), zap.Duration("for", w.settle))
		if err := drain.Sleep(ctx, w.settle); err != nil {
			return nil, err
		}
		if earlier, err = w.ofConsumers(ctx); err != nil {
			return nil, err
		}
	}
	now, renewed, silent := earlier, 0, 0
	for until := time.Now().Add(w.renewedWithin); ; {
		if _, n, err := group.members(ctx); err == nil {
			members = min(members, n)
		}
		renewed, silent = reports.Renewed(earlier, now, group.topic, group.group)
		if renewed >= members || !done || time.Now().After(until) {
			break
		}
		w.log.Info("Waiting until the members of the group have written their reports again",
			zap.String("group", group.group), zap.Int("members", members), zap.Int("written", renewed))
		if err := drain.Sleep(ctx, cfg.PollInterval); err != nil {
			return nil, err
		}
		if now, err = w.ofConsumers(ctx); err != nil {
			return nil, err
		}
	}
	sum := reports.SumConsumers(now, group.topic, group.group)
	sum.Members, sum.Unfinished = members, silent
	if sum.Reason == "" && sum.Reports > 0 && done && renewed < members {
		sum.Reason = fmt.Sprintf("%d of %s of group %s have a report that is newer than the "+
			"last commit", renewed, progress.Count(int64(members), "member"), group.group)
	}
	if w.published != nil && w.published.gone > 0 && sum.Reason == "" {
		sum.Delivery = progress.Weakest(sum.Delivery, progress.HandedOver)
		sum.Reason = fmt.Sprintf("reports_topic %s has lost %s, so that reports of members of group %s may be "+
			"missing; use a topic with cleanup.policy=compact", cfg.ReportsTopic,
			progress.Count(w.published.gone, "record"), group.group)
	}
	return &sum, nil
}

// ofConsumers are the reports among which those of the members of the group are.
func (w *work) ofConsumers(ctx context.Context) ([]reports.Document, error) {
	list, _, err := reports.Read(w.cfg.ConsumerReports)
	if err != nil {
		return nil, fmt.Errorf("consumer_reports: %w", err)
	}
	if w.published != nil {
		more, err := w.published.read(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return reports.Merge(list), nil
}

// asking is how brokers are asked.
func (w *work) asking() drain.Patience {
	return drain.Patience{StalledAfter: w.cfg.StalledAfter, PollInterval: w.cfg.PollInterval, Log: w.log}
}

// deadLetters looks at what was refused for good, in the topics that are configured or that reports name: those of
// consumers, and those of the group that feeds dead letters back, which may be refused once more.
func (w *work) deadLetters(ctx context.Context) error {
	var topics []string
	add := func(more ...string) {
		for _, topic := range more {
			if topic != "" && !slices.Contains(topics, topic) {
				topics = append(topics, topic)
			}
		}
	}
	add(w.cfg.DeadLetters.Topic)
	if c := w.in.Consumers; c != nil {
		add(c.DeadLetterTopics...)
	}
	for i := 0; i < len(topics); i++ {
		x, err := w.deadLettersOf(ctx, topics[i])
		if err != nil {
			return err
		}
		if x == nil {
			continue
		}
		if x.Feeding != nil {
			add(x.Feeding.DeadLetterTopics...)
		}
		w.in.DeadLetters = append(w.in.DeadLetters, *x)
	}
	return nil
}

// deadLettersOf looks at one topic of dead letters, once. It returns nil for a topic that is not there.
func (w *work) deadLettersOf(ctx context.Context, topic string) (*verdict.DeadLetters, error) {
	dead := &cluster{w.admin, topic, w.cfg.DeadLetters.GroupID}
	ends, err := dead.Ends(ctx)
	if errors.Is(err, kerr.UnknownTopicOrPartition) && topic != w.cfg.DeadLetters.Topic {
		return nil, nil // consumers make no topic, so nothing was written there
	}
	if err != nil {
		return nil, err
	}
	begins, err := dead.begins(ctx)
	if err != nil {
		return nil, err
	}
	x := &verdict.DeadLetters{Topic: topic, GroupID: dead.group}
	var fed map[int32]int64
	if dead.group != "" {
		if fed, err = dead.committed(ctx); err != nil {
			return nil, err
		}
	}
	for partition, end := range ends {
		x.Records += end
		x.Waiting += max(0, end-fed[partition])
		if begin := begins[partition]; begin <= fed[partition] { // else these are among those that wait
			x.Deleted += begin
		}
	}
	if x.Records == x.Waiting {
		return x, nil
	}
	_, members, err := dead.members(ctx)
	if err != nil {
		return nil, err
	}
	x.Feeding, err = w.consumers(ctx, dead, members, x.Waiting == 0)
	return x, err
}

// count counts the traces at the destination, once everything is committed.
func (w *work) count(ctx context.Context) error {
	if w.access == nil || !w.in.Topic.Drained() {
		return nil
	}
	cfg := w.cfg.Databricks.Get()
	set := count.Settings{Config: cfg, Statement: w.access.API.Statement, Expected: map[string]int64{}, Log: w.log,
		Sleep: drain.Sleep}
	set.First, set.Last = w.in.Readers.Bounds()
	for id, e := range w.in.Readers.Experiments {
		set.Expected[id] = e.HandedOver
	}
	counted, err := count.Traces(ctx, set)
	c := verdict.Count{Tables: cfg.Tables, Experiments: map[string]int64{}}
	for id := range set.Expected {
		c.Experiments[id] = counted[id]
		c.Traces += counted[id]
	}
	if err != nil {
		c.Error = err.Error()
	}
	w.in.Destination = &c
	return ctx.Err()
}
