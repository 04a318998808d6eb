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
	if err := w.consumers(ctx, group, state); err != nil {
		return err
	}
	if err := w.deadLetters(ctx); err != nil {
		return fmt.Errorf("dead_letters: %w", err)
	}
	return w.count(ctx)
}

// consumers reads the reports of consumers once those that live have written them again: what was refused before the
// last commit is in them then. The group may have counted members that were killed; it forgets them meanwhile.
func (w *work) consumers(ctx context.Context, group *cluster, state *drain.State) error {
	cfg := w.cfg
	if len(cfg.ConsumerReports) == 0 && w.published == nil {
		return nil
	}
	earlier, err := w.ofConsumers(ctx)
	if err != nil {
		return err
	}
	going, _ := reports.Renewed(nil, earlier, cfg.Topic, cfg.GroupID)
	if w.published != nil && state.Drained() && going > 0 { // not each has told that it ended
		w.log.Info("Waiting until reports that were made before the last commit are in the topic",
			zap.Duration("for", w.settle))
		if err := drain.Sleep(ctx, w.settle); err != nil {
			return err
		}
		if earlier, err = w.ofConsumers(ctx); err != nil {
			return err
		}
	}
	now, renewed, silent, members := earlier, 0, 0, state.Members
	for until := time.Now().Add(w.renewedWithin); ; {
		if _, n, err := group.members(ctx); err == nil {
			members = min(members, n)
		}
		renewed, silent = reports.Renewed(earlier, now, cfg.Topic, cfg.GroupID)
		if renewed >= members || !state.Drained() || time.Now().After(until) {
			break
		}
		w.log.Info("Waiting until the members of the group have written their reports again",
			zap.Int("members", members), zap.Int("written", renewed))
		if err := drain.Sleep(ctx, cfg.PollInterval); err != nil {
			return err
		}
		if now, err = w.ofConsumers(ctx); err != nil {
			return err
		}
	}
	sum := reports.SumConsumers(now, cfg.Topic, cfg.GroupID)
	sum.Members, sum.Unfinished = members, silent
	if sum.Reason == "" && sum.Reports > 0 && state.Drained() && renewed < members {
		sum.Reason = fmt.Sprintf("%d of %s of group %s have a report that is newer than the "+
			"last commit", renewed, progress.Count(int64(members), "member"), cfg.GroupID)
	}
	w.in.Consumers = &sum
	return nil
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

// deadLetters counts what was refused for good and not fed back, in the topics that are configured or that reports of
// consumers name.
func (w *work) deadLetters(ctx context.Context) error {
	cfg := w.cfg.DeadLetters
	var topics []string
	if cfg.Topic != "" {
		topics = append(topics, cfg.Topic)
	}
	if w.in.Consumers != nil {
		topics = append(topics, w.in.Consumers.DeadLetterTopics...)
	}
	slices.Sort(topics)
	for _, topic := range slices.Compact(topics) {
		dead := &cluster{w.admin, topic, cfg.GroupID}
		ends, err := dead.Ends(ctx)
		if errors.Is(err, kerr.UnknownTopicOrPartition) && topic != cfg.Topic {
			continue // consumers make no topic, so nothing was written there
		}
		if err != nil {
			return err
		}
		var fed map[int32]int64
		if cfg.GroupID != "" {
			if fed, err = dead.committed(ctx); err != nil {
				return err
			}
		}
		x := verdict.DeadLetters{Topic: topic}
		for partition, end := range ends {
			x.Records += end
			x.Waiting += max(0, end-fed[partition])
		}
		w.in.DeadLetters = append(w.in.DeadLetters, x)
	}
	return nil
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
