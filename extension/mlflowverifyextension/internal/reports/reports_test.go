// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// shard is a report of one of two readers: each found 10 traces, handed 8 over, skipped 1, and 1 is not finished.
const shard = `{
	"written": "2026-11-30T01:00:00Z",
	"receivers": [{
		"receiver": "mlflow", "mode": "backfill", "shard": {"index": %d, "count": 2}, "headline": "handed over: …",
		"source": {"kind": "sqlite", "location": "mlflow.db"}, "delivery": "handed_over",
		"topics": [{"exporter": "kafka", "name": "mlflow-traces at kafka:9092", "delivery": "handed_over"}],
		"ended": "2026-11-30T00:59:59Z",
		"experiments": [
			{"id": "1", "name": "a", "first": "2026-01-0%[1]d", "last": "2026-02-0%[1]d", "complete": true,
				"run": {"read": 4, "accepted": 4, "skipped": {}, "rejected": 0, "pending": {}, "in_flight": 0},
				"earlier_runs": {"read": 3, "accepted": 2, "skipped": {"corrupt": 1}, "rejected": 0, "pending": {},
					"in_flight": 0}},
			{"id": "2", "name": "b", "complete": true,
				"run": {"read": 3, "accepted": 2, "skipped": {}, "rejected": 0, "pending": {"in_progress": 1},
					"in_flight": 0}}]
	}]
}`

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name, fileName)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// changed reads two shards, the second one with a text replaced.
func changed(t *testing.T, old, replacement string) Readers {
	t.Helper()
	dir := t.TempDir()
	second := fmt.Sprintf(shard, 1)
	require.Contains(t, second, old)
	write(t, dir, "0", fmt.Sprintf(shard, 0))
	write(t, dir, "1", strings.Replace(second, old, replacement, 1))
	documents, empty, err := Read([]string{dir})
	require.NoError(t, err)
	require.Empty(t, empty)
	return SumReaders(documents, "mlflow-traces")
}

func TestReadersAddUp(t *testing.T) {
	r := changed(t, `{`, `{`)
	require.Empty(t, r.Problems)
	require.Equal(t, 2, r.Reports)
	require.Equal(t, 2, r.Shards)
	require.Equal(t, []string{"sqlite mlflow.db"}, r.Sources)
	require.EqualValues(t, 20, r.Found)
	require.EqualValues(t, 16, r.HandedOver)
	require.EqualValues(t, 2, r.Skipped)
	require.EqualValues(t, 2, r.Pending)
	require.Equal(t, map[string]Experiment{
		"1": {Name: "a", HandedOver: 12, First: "2026-01-00", Last: "2026-02-01"}, "2": {Name: "b", HandedOver: 4}},
		r.Experiments)
}

// Each report that is not that of a shard of the same backfill, which ended and handed everything over, is refused.
func TestReadersAreRefused(t *testing.T) {
	for _, x := range []struct{ old, new, says string }{
		{`"index": 1`, `"index": 0`, "are both shard 1 of 2 (index 0)"},
		{`"index": 1`, `"index": 0`, "there is no report of shard 2 of 2 (index 1) of receiver mlflow"},
		{`"count": 2`, `"count": 3`, "is shard 2 of 3 (index 1), and"},
		{`"shard": {"index": 1, "count": 2}, `, ``, "is everything, and"},
		{`mlflow.db`, `other.db`, "these are not shards of one backfill"},
		{`"id": "2"`, `"id": "3"`, "is of the experiments 1, 3, and"},
		{`"backfill"`, `"tail"`, "mode tail has no end"},
		{`"ended": "2026-11-30T00:59:59Z",`, ``, "the reader has not ended"},
		{`"ended": `, `"stopped": true, "ended": `, "the reader was stopped: handed over"},
		{`"ended": `, `"problems": ["1 rejected"], "ended": `, "1 rejected"},
		{`"delivery": "handed_over"`, `"delivery": "unknown"`, "handed over: …"},
		{`mlflow-traces at`, `other at`, "did not write to topic mlflow-traces"},
		{`"complete": true`, `"complete": false`, "experiment a (1) was not read to its end"},
		{`"receivers": [{`, `"receivers": [], "before": [{`, "no mlflow receiver reported there"},
	} {
		t.Run(x.says, func(t *testing.T) {
			require.Contains(t, strings.Join(changed(t, x.old, x.new).Problems, "\n"), x.says)
		})
	}
}

// A reader of everything needs no shard, and two of them are one too many.
func TestReaderOfEverything(t *testing.T) {
	whole := strings.Replace(fmt.Sprintf(shard, 0), `"shard": {"index": 0, "count": 2}, `, "", 1)
	dir := t.TempDir()
	write(t, dir, "a", whole)
	documents, _, err := Read([]string{filepath.Join(dir, "a", fileName), dir}) // found twice, read once
	require.NoError(t, err)
	require.Empty(t, SumReaders(documents, "mlflow-traces").Problems)
	write(t, dir, "b", whole)
	documents, _, err = Read([]string{filepath.Join(dir, "*")})
	require.NoError(t, err)
	require.Contains(t, strings.Join(SumReaders(documents, "mlflow-traces").Problems, "\n"), "are both everything")
}

func TestNoReports(t *testing.T) {
	dir := t.TempDir()
	_, empty, err := Read([]string{dir, filepath.Join(dir, "nothing*")})
	require.NoError(t, err)
	require.Len(t, empty, 2)
	write(t, dir, "a", "{}")
	_, _, err = Read([]string{dir})
	require.ErrorContains(t, err, "is not a report of mlflow_report")
	write(t, dir, "a", "no JSON")
	_, _, err = Read([]string{dir})
	require.ErrorContains(t, err, "is not a report of mlflow_report")
}

// consumer is a report of a member of group refine.
const consumer = `{
	"written": "2026-11-30T01:00:00Z", "receivers": [],
	"topic_readers": [{"receiver": "kafka", "topic": "mlflow-traces at kafka:9092", "group_id": "refine",
		"delivery": "acknowledged"}],
	"answers": [{"rejected": 0}], "destination_results": []
}`

func consumers(t *testing.T, texts ...string) []Document {
	t.Helper()
	dir := t.TempDir()
	for i, text := range texts {
		write(t, dir, strconv.Itoa(i), text)
	}
	documents, _, err := Read([]string{dir})
	require.NoError(t, err)
	return documents
}

func TestConsumers(t *testing.T) {
	replaced := func(old, replacement string) string { return strings.Replace(consumer, old, replacement, 1) }
	sum := func(texts ...string) Consumers {
		return SumConsumers(consumers(t, texts...), "mlflow-traces", "refine")
	}
	require.Equal(t, Consumers{Reports: 2, Delivery: progress.Acknowledged}, sum(consumer, consumer))
	require.Zero(t, sum(replaced("refine", "other"), replaced("mlflow-traces at", "other at")).Reports)

	weak := sum(consumer, replaced(`"acknowledged"`, `"handed_over", "delivery_notes": ["it queues in memory"]`))
	require.Equal(t, progress.HandedOver, weak.Delivery)
	require.Contains(t, weak.Reason, "delivery is handed_over: it queues in memory")
	for _, x := range []struct{ old, new, says string }{
		{`"rejected": 0`, `"rejected": 3`, "3 items rejected by a destination that took the rest"},
		{`"destination_results": []`, `"destination_results": [{"destination": "a.b.c", "rejected": 5,
			"dead_lettered": 4}]`, "5 items refused for good, 4 of them in the dead letters"},
		{`"destination_results": []`, `"destination_results": [{"destination": "a.b.c", "held": "GRANT"}]`,
			"data is held for a.b.c: GRANT"},
	} {
		require.Contains(t, strings.Join(sum(replaced(x.old, x.new)).Problems, "\n"), x.says)
	}
}

// A process that lives writes its report again.
func TestRenewed(t *testing.T) {
	earlier := consumers(t, consumer, consumer)
	require.Zero(t, Renewed(earlier, earlier, "mlflow-traces", "refine"))
	later := append([]Document{}, earlier...)
	later[1].Written = later[1].Written.Add(1)
	require.Equal(t, 1, Renewed(earlier, later, "mlflow-traces", "refine"))
	require.Zero(t, Renewed(earlier, later, "mlflow-traces", "other"))
	require.Equal(t, 2, Renewed(nil, later, "mlflow-traces", "refine"))
}
