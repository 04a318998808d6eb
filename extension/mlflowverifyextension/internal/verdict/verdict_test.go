// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/drain"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/reports"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// delivered is a backfill of which everything is known but what the destination holds.
func delivered() Input {
	return Input{
		Readers: reports.Readers{Reports: 2, Shards: 2, Found: 20, HandedOver: 18, Skipped: 2,
			Experiments: map[string]reports.Experiment{
				"1": {Name: "a", HandedOver: 12}, "2": {Name: "b", HandedOver: 6}}},
		Topic: &Topic{Name: "t", GroupID: "g", State: drain.State{Records: 7, Committed: 7, Members: 1,
			Partitions: []drain.Partition{{Mark: 7, Committed: 7}}}},
		Consumers: &reports.Consumers{Reports: 1, Members: 1, Delivery: progress.Acknowledged},
		Accept:    progress.Acknowledged,
	}
}

const numbers = " by 2 readers; 7 of 7 records of topic t committed by group g; "

func TestHeadlines(t *testing.T) {
	counted := func(one, two int64) func(*Input) {
		return func(in *Input) {
			in.Destination = &Count{Tables: []string{"a.b.c"}, Traces: one + two,
				Experiments: map[string]int64{"1": one, "2": two}}
		}
	}
	deleted := func(in *Input) { in.Topic.Partitions[0].Unknown = 3 }
	silent := func(in *Input) { in.Consumers = nil }
	again := func(in *Input) {
		in.Readers.Found, in.Readers.Skipped, in.Readers.HandedOver = 20_001, 0, 20_001
		in.Readers.Experiments = map[string]reports.Experiment{"1": {HandedOver: 20_000}, "2": {HandedOver: 1}}
		in.Topic.Records, in.Topic.Committed = 1, 1
	}
	acknowledged := reports.Consumers{Reports: 1, Delivery: progress.Acknowledged}
	fed := func(by *reports.Consumers) func(*Input) {
		return func(in *Input) {
			in.DeadLetters = []DeadLetters{{Topic: "dead", Records: 3, GroupID: "again", Feeding: by}}
		}
	}
	for name, x := range map[string]struct {
		changes  []func(*Input)
		headline string
		status   int
		delivery progress.Delivery
	}{
		"acknowledged": {nil, "complete: 18 of 20 traces acknowledged, 2 skipped" + numbers +
			"nothing counted at the destination", 0, progress.Acknowledged},
		"verified": {[]func(*Input){counted(12, 6)}, "complete: 18 of 20 traces verified, 2 skipped" + numbers +
			"18 traces counted in a.b.c", 0, progress.Verified},
		"verified whatever consumers say": {[]func(*Input){counted(12, 6), silent, deleted},
			"complete: 18 of 20 traces verified", 0, progress.Verified},
		"missing": {[]func(*Input){counted(12, 4)}, "not complete: 18 of 20 traces handed over, 2 skipped" + numbers +
			"16 traces counted in a.b.c; experiment b (2): 4 of 6 traces found at the destination, 2 missing", 1,
			progress.HandedOver},
		"more than was sent": {[]func(*Input){counted(13, 6)}, "complete: 18 of 20 traces acknowledged", 0,
			progress.Acknowledged},
		"not counted": {[]func(*Input){func(in *Input) { in.Destination = &Count{Error: "no warehouse"} }},
			"complete: 18 of 20 traces acknowledged", 0, progress.Acknowledged},
		"no consumers": {[]func(*Input){silent}, "handed over: 18 of 20 traces handed over, 2 skipped" + numbers +
			"nothing counted at the destination; delivery not confirmed: no report of a member of group g was given", 1,
			progress.HandedOver},
		"no consumers, and accepted": {[]func(*Input){silent, func(in *Input) { in.Accept = progress.HandedOver }},
			"handed over: ", 0, progress.HandedOver},
		"weak consumers": {[]func(*Input){func(in *Input) {
			in.Consumers.Delivery, in.Consumers.Reason = progress.HandedOver, "otlp_http queues in memory"
		}}, "handed over: 18 of 20", 1, progress.HandedOver},
		"unknown consumers": {[]func(*Input){func(in *Input) {
			in.Consumers.Delivery, in.Consumers.Reason = progress.Unknown, "an answer confirmed nothing"
		}}, "delivery unknown: 18 of 20", 1, progress.Unknown},
		"a member without a report": {[]func(*Input){func(in *Input) { in.Consumers.Reason = "of 2 members, 1 wrote" }},
			"handed over: 18 of 20", 1, progress.HandedOver},
		"a killed member": {[]func(*Input){func(in *Input) { in.Consumers.Unfinished = 1 }},
			"complete: 18 of 20 traces acknowledged", 0, progress.Acknowledged},
		"deleted before the first look": {[]func(*Input){deleted}, "handed over: 18 of 20", 1, progress.HandedOver},
		"verified is asked for": {[]func(*Input){func(in *Input) { in.Accept = progress.Verified }},
			"complete: 18 of 20 traces acknowledged", 1, progress.Acknowledged},
		"a lag": {[]func(*Input){func(in *Input) {
			in.Topic.Committed, in.Topic.Problems = 5, []string{"partition 0 does not move", "another"}
		}}, "not complete: 18 of 20 traces handed over, 2 skipped by 2 readers; 5 of 7 records of topic t committed " +
			"by group g; nothing counted at the destination; partition 0 does not move; and 1 more problem", 1,
			progress.HandedOver},
		"expired, and all of it counted": {[]func(*Input){counted(12, 6), func(in *Input) {
			in.Topic.Partitions[0].Expired, in.Topic.Problems = 1, []string{"1 record expired"}
		}}, "not complete: ", 1, progress.HandedOver},
		"an empty topic": {[]func(*Input){func(in *Input) { in.Topic.State = drain.State{} }}, "not complete: ", 1,
			progress.HandedOver},
		"a topic that was made again": {[]func(*Input){again}, "not complete: 20001 of 20001 traces handed over by 2 " +
			"readers; 1 of 1 record of topic t committed by group g; nothing counted at the destination; topic t has " +
			"had 1 record, too few for 20001 traces: it was made again since, or", 1, progress.HandedOver},
		"a topic that was made again, and all of it counted": {[]func(*Input){again, counted(20_000, 1)}, "complete: ",
			0, progress.Verified},
		"dead letters": {[]func(*Input){func(in *Input) {
			in.DeadLetters = []DeadLetters{{Topic: "dead", Records: 3, Waiting: 1}}
		}}, "not complete: 18 of 20 traces handed over, 2 skipped" + numbers + "3 dead letters, 2 of them fed back; " +
			"nothing counted at the destination; 1 record in the dead letters, topic dead", 1, progress.HandedOver},
		"dead letters that were fed back": {[]func(*Input){fed(&acknowledged)}, "complete: ", 0, progress.Acknowledged},
		"dead letters that nobody is known to have delivered": {[]func(*Input){fed(nil)}, "handed over: ", 1,
			progress.HandedOver},
		"dead letters that went without a confirmation": {[]func(*Input){fed(&reports.Consumers{Reports: 1,
			Delivery: progress.Unknown, Reason: "a page"})}, "delivery unknown: ", 1, progress.Unknown},
		"dead letters that were rejected": {[]func(*Input){fed(&reports.Consumers{Reports: 1,
			Delivery: progress.Acknowledged, Problems: []string{"7 items rejected"}})}, "not complete: ", 1,
			progress.HandedOver},
		"dead letters that were deleted": {[]func(*Input){fed(&acknowledged), func(in *Input) {
			in.DeadLetters[0].Deleted = 1
		}}, "handed over: ", 1, progress.HandedOver},
		"dead letters without a report, and all of it counted": {[]func(*Input){fed(nil), counted(12, 6)},
			"complete: ", 0, progress.Verified},
		"refused items": {[]func(*Input){func(in *Input) { in.Consumers.Problems = []string{"3 items refused"} }},
			"not complete: ", 1, progress.HandedOver},
		"a missing shard": {[]func(*Input){func(in *Input) {
			in.Readers.Problems, in.Topic, in.Consumers = []string{"there is no report of shard 3"}, nil, nil
		}}, "not complete: 18 of 20 traces handed over, 2 skipped by 2 readers; nothing counted at the destination; " +
			"there is no report of shard 3", 1, progress.HandedOver},
		"a fault": {[]func(*Input){func(in *Input) { in.Topic, in.Fault = nil, errors.New("no such topic") }},
			"not complete: ", 1, progress.HandedOver},
	} {
		t.Run(name, func(t *testing.T) {
			in := delivered()
			for _, change := range x.changes {
				change(&in)
			}
			d := Judge(in, time.Now())
			require.Contains(t, d.Headline, x.headline)
			require.True(t, strings.HasPrefix(d.Headline, x.headline[:8]), d.Headline)
			require.Equal(t, x.status, d.ExitStatus, d.Headline)
			require.Equal(t, x.delivery, d.Delivery)
			require.Equal(t, len(d.Problems) == 0 && d.Delivery.AtLeast(progress.Acknowledged), d.Complete)
			var out strings.Builder
			require.NoError(t, d.Summary(&out, "verdict.json"))
			require.True(t, strings.HasPrefix(out.String(), d.Headline+"\n"))
			for _, text := range append(d.Problems, d.Notes...) {
				require.Contains(t, out.String(), text+"\n")
			}
		})
	}
}
