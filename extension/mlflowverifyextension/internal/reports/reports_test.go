// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// shard is a report of one of two readers: each found 10 traces, handed 8 over, skipped 1, and 1 is not finished.
const shard = `{
	"written": "2026-11-30T01:00:00Z", "configuration": ["receivers::mlflow::start_time: 2024-01-01"],
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
		{`"configuration": ["receivers::mlflow::start_time: 2024-01-01"`,
			`"configuration": ["receivers::mlflow::start_time: 2025-01-01"`,
			"reads from 2025-01-01T00:00:00Z to its start, and"},
		{`"receivers::mlflow::start_time: 2024-01-01"`,
			`"receivers::mlflow::start_time: 2024-01-01", "receivers::mlflow::end_time: 2026-01-01"`,
			"from 2024-01-01T00:00:00Z to its start: shards must read the same dates"},
		{`"topics": [{`, `"divided_by": "routing", "topics": [{"name": "other at kafka:9092"}, {`,
			"connector routing divides what the reader reads"},
		{`"topics": [{`, `"divided_by": "routing", "destinations": [{"name": "http://a"}], "topics": [{`,
			"connector routing divides what the reader reads"},
		{`"complete": true`, `"complete": false`, "experiment a (1) was not read to its end"},
		{`"receivers": [{`, `"receivers": [], "before": [{`, "no mlflow receiver reported there"},
	} {
		t.Run(x.says, func(t *testing.T) {
			require.Contains(t, strings.Join(changed(t, x.old, x.new).Problems, "\n"), x.says)
		})
	}
}

// The same date may be written in several ways, and reports of older versions tell none.
func TestDatesOfShards(t *testing.T) {
	for _, same := range []string{`["receivers::mlflow::start_time: 2024-01-01T01:00:00+01:00"]`, `[]`} {
		require.Empty(t, changed(t, `["receivers::mlflow::start_time: 2024-01-01"]`, same).Problems)
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

	require.Equal(t, 1, sum(replaced("mlflow-traces at", "^mlflow-t at")).Reports)
	require.Zero(t, sum(replaced("mlflow-traces at", "^mlflow-t$, ( at")).Reports)

	weak := sum(consumer, replaced(`"acknowledged"`, `"handed_over", "delivery_notes": ["it queues in memory"]`))
	require.Equal(t, progress.HandedOver, weak.Delivery)
	require.Contains(t, weak.Reason, "delivery is handed_over: it queues in memory")
	aside := func(name string) Consumers {
		return sum(replaced(`"acknowledged"`, `"acknowledged", "dead_letters": [{"name": "`+name+`"}]`))
	}
	require.Equal(t, Consumers{Reports: 1, Delivery: progress.Acknowledged, DeadLetterTopics: []string{"d"}},
		aside("topic d at other:9092, kafka:9092"))
	for _, name := range []string{"topic d at other:9092", "dead.jsonl"} {
		require.Equal(t, progress.HandedOver, aside(name).Delivery)
		require.Contains(t, aside(name).Reason, "set aside in "+name+", which is not looked at here")
	}

	const before = `"acknowledged", "delivery_earlier": "unknown"`
	was := sum(replaced(`"acknowledged"`, before))
	require.Equal(t, progress.Unknown, was.Delivery)
	require.Contains(t, was.Reason, "delivery was unknown in processes before this one")
	own := consumers(t, replaced(`"acknowledged"`, before))
	own[0].InTopic = true // the process before has a report of its own
	require.Equal(t, progress.Acknowledged, SumConsumers(own, "mlflow-traces", "refine").Delivery)
	for _, x := range []struct{ old, new, says string }{
		{`"rejected": 0`, `"rejected": 3`, "3 items rejected by a destination that took the rest"},
		{`"answers"`, `"rejected_earlier": 2, "answers"`, "2 items rejected in processes before this one"},
		{`"destination_results": []`, `"destination_results": [{"destination": "a.b.c", "rejected": 5,
			"dead_lettered": 4}]`, "5 items refused for good, 4 of them in the dead letters"},
		{`"destination_results": []`, `"destination_results": [{"destination": "a.b.c", "held": "GRANT"}]`,
			"data is held for a.b.c: GRANT"},
	} {
		require.Contains(t, strings.Join(sum(replaced(x.old, x.new)).Problems, "\n"), x.says)
	}
}

// What a process before this one rejected counts once, also where its last report did not come into the topic.
func TestRejectedEarlier(t *testing.T) {
	documents := func(before, now string) []Document {
		n := Newest{}
		n.Add("r", 0, 0, "before", []byte(strings.Replace(consumer, `"rejected": 0`, `"rejected": `+before, 1)))
		n.Add("r", 0, 1, "now", []byte(strings.Replace(consumer, `"answers"`,
			`"rejected_earlier": `+now+`, "answers"`, 1)))
		list, err := n.All()
		require.NoError(t, err)
		return list
	}
	for _, x := range []struct {
		before, now string
		rejected    int
	}{{"0", "0", 0}, {"3", "3", 3}, {"0", "3", 3}, {"1", "3", 3}, {"3", "0", 3}} {
		c := SumConsumers(documents(x.before, x.now), "mlflow-traces", "refine")
		require.EqualValues(t, x.rejected, c.Rejected, "%+v", x)
		require.Equal(t, x.rejected > 0, len(c.Problems) > 0)
	}
}

// A process that lives writes its report again. One that does not, and did not tell that it ended, was killed.
func TestRenewed(t *testing.T) {
	of := func(earlier, now []Document) [2]int {
		renewed, silent := Renewed(earlier, now, "mlflow-traces", "refine")
		return [2]int{renewed, silent}
	}
	earlier := consumers(t, consumer, consumer)
	require.Equal(t, [2]int{0, 2}, of(earlier, earlier))
	later := append([]Document{}, earlier...)
	later[1].Written = later[1].Written.Add(1)
	require.Equal(t, [2]int{1, 1}, of(earlier, later))
	require.Equal(t, [2]int{2, 0}, of(nil, later))
	later[1].Final = true
	require.Equal(t, [2]int{0, 1}, of(earlier, later), "it ended")
	later[1].Final, later[1].ID = false, "the next process with the same file"
	require.Equal(t, [2]int{1, 1}, of(earlier, later))
	renewed, silent := Renewed(earlier, later, "mlflow-traces", "other")
	require.Zero(t, renewed+silent)
}

// Several extensions of one process do not stand for another one that has no report.
func TestRenewedByOneProcess(t *testing.T) {
	report := func(process string, second int) Document {
		return Document{ID: process + strconv.Itoa(second), Process: process, Written: time.Unix(int64(second), 0),
			TopicReaders: consumers(t, consumer)[0].TopicReaders}
	}
	renewed, silent := Renewed(nil, []Document{report("a", 1), report("a", 2), report("b", 3), report("", 4),
		report("", 5)}, "mlflow-traces", "refine")
	require.Equal(t, 4, renewed)
	require.Zero(t, silent)
	twice := report("a", 1)
	twice.TopicReaders = append(twice.TopicReaders, twice.TopicReaders[0])
	renewed, _ = Renewed(nil, []Document{twice}, "mlflow-traces", "refine")
	require.Equal(t, 2, renewed, "two receivers are two members")
}

// Of each process the newest report counts, wherever it lies.
func TestMerge(t *testing.T) {
	at := func(id, place string, second int) Document {
		return Document{ID: id, Place: place, Written: time.Unix(int64(second), 0)}
	}
	merged := Merge([]Document{at("1", "old", 1), at("2", "alone", 1), at("", "a", 1)},
		[]Document{at("1", "new", 2), at("", "b", 1), at("1", "older", 0)})
	require.Equal(t, []Document{at("1", "new", 2), at("2", "alone", 1), at("", "a", 1), at("", "b", 1)}, merged)
}

// In a topic the newest report of a key counts, in whatever order records come; what is no report is an error only
// while nothing follows it.
func TestNewest(t *testing.T) {
	report := func(minute int) []byte {
		return fmt.Appendf(nil, `{"written": "2026-11-30T01:%02d:00Z"}`, minute)
	}
	n := Newest{}
	n.Add("reports", 0, 1, "b", report(5))
	n.Add("reports", 1, 7, "b", report(4))
	n.Add("reports", 0, 2, "a", []byte("no JSON"))
	_, err := n.All()
	require.ErrorContains(t, err, "partition 0, offset 2: a in topic reports is not a report of mlflow_report")
	n.Add("reports", 0, 3, "a", report(1))
	n.Add("reports", 0, 3, "a", []byte(`{"written": "2026-11-30T01:01:00Z", "sequence": 2}`))
	n.Add("reports", 0, 4, "a", []byte(`{"written": "2026-11-30T00:58:00Z", "sequence": 3}`)) // its clock was set back
	n.Add("reports", 0, 5, "a", []byte(`{"written": "2026-11-30T01:00:00Z", "sequence": 1}`))
	list, err := n.All()
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, 58, list[0].Written.Minute())
	require.Equal(t, 5, list[1].Written.Minute())
	require.True(t, list[0].InTopic)
	n.Add("reports", 0, 6, "a", nil)
	list, err = n.All()
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// Of runs of one shard after each other the last one counts, and runs of another number of shards end with the first
// one of the new number. Runs at the same time stay: two processes have the same shard by mistake.
func TestRunsAfterEachOther(t *testing.T) {
	at := func(index, count, started, written int) run {
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		return run{&Receiver{Shard: &progress.Shard{Index: index, Count: count},
			Started: begin.Add(time.Duration(started) * time.Minute)}, "",
			begin.Add(time.Duration(written) * time.Minute), period{}}
	}
	other := at(0, 2, 10, 20)
	other.Source.Location = "elsewhere"
	for name, x := range map[string]struct{ runs, left []run }{
		"started again":    {[]run{at(0, 2, 0, 5), at(0, 2, 6, 9)}, []run{at(0, 2, 6, 9)}},
		"in another order": {[]run{at(0, 2, 6, 9), at(0, 2, 0, 5)}, []run{at(0, 2, 6, 9)}},
		"clocks differ":    {[]run{at(0, 2, 0, 6), at(0, 2, 6, 9)}, []run{at(0, 2, 6, 9)}},
		"at the same time": {[]run{at(0, 2, 0, 9), at(0, 2, 6, 9)}, []run{at(0, 2, 0, 9), at(0, 2, 6, 9)}},
		"copies":           {[]run{at(0, 2, 0, 9), at(0, 2, 0, 9)}, []run{at(0, 2, 0, 9), at(0, 2, 0, 9)}},
		"another shard":    {[]run{at(0, 2, 0, 5), at(1, 2, 6, 9)}, []run{at(0, 2, 0, 5), at(1, 2, 6, 9)}},
		"fewer shards":     {[]run{at(0, 2, 0, 5), at(1, 2, 0, 5), at(0, 1, 6, 9)}, []run{at(0, 1, 6, 9)}},
		"one of them goes on": {[]run{at(0, 2, 0, 5), at(1, 2, 0, 9), at(0, 1, 6, 9)},
			[]run{at(1, 2, 0, 9), at(0, 1, 6, 9)}},
		"another source": {[]run{at(0, 2, 0, 5), other}, []run{at(0, 2, 0, 5), other}},
	} {
		require.Equal(t, x.left, newest(x.runs), name)
	}
}

// What an earlier run of the same shard left undone is not forgotten where the later one reads other experiments or
// dates: readers that share a backfill may have no shards by mistake.
func TestRunsOfOtherParts(t *testing.T) {
	list := false // the later run reads the traces of a list
	parts := func(old, last, from, to string, change func(*run)) int {
		const text = `{"receivers": [{"receiver": "mlflow", "started": %q, "delivery": "handed_over",
			"ended": "2026-01-01T09:00:00Z", "experiments": [%s]}], "configuration": [
			"receivers::mlflow::start_time: %s", "receivers::mlflow::end_time: %s"]}`
		var runs []run
		for i, x := range [][]string{{"2026-01-01T00:00:00Z", old, "2024-01-01", "2025-01-01"},
			{"2026-01-01T01:00:00Z", last, from, to}} {
			var d Document
			require.NoError(t, json.Unmarshal(fmt.Appendf(nil, text, x[0], x[1], x[2], x[3]), &d))
			runs = append(runs, run{&d.Receivers[0], "", time.Date(2026, 1, 1, i, 30, 0, 0, time.UTC),
				d.period("mlflow")})
		}
		change(&runs[0])
		runs[1].List = list
		return len(newest(runs))
	}
	const a, both = `{"id": "a"}`, `{"id": "a"}, {"id": "b"}`
	undone := func(x *run) { x.Stopped = true }
	none := func(x *run) { undone(x); x.period.to = "" }
	require.Equal(t, 1, parts(a, a, "2024-01-01", "2025-01-01", undone))
	require.Equal(t, 1, parts(a, both, "2023-01-01", "2025-06-01", undone))
	require.Equal(t, 2, parts(both, a, "2024-01-01", "2025-01-01", undone))
	require.Equal(t, 2, parts(a, a, "2024-06-01", "2025-01-01", undone))
	require.Equal(t, 2, parts(a, a, "2024-01-01", "2024-06-01", undone))
	require.Equal(t, 2, parts(a, a, "2024-01-01", "2025-12-31", none), "it read to its start")
	require.Equal(t, 1, parts(a, a, "2024-01-01", "2026-01-01", none))
	require.Equal(t, 1, parts(a, a, "-90d", "2025-01-01", undone), "not known")
	require.Equal(t, 1, parts(both, a, "2025-01-01", "2026-01-01", func(*run) {}), "it left nothing out")
	rejected := func(x *run) { x.Problems = []string{"1 rejected"} }
	require.Equal(t, 2, parts(both, a, "2024-01-01", "2025-01-01", rejected))
	list = true
	require.Equal(t, 2, parts(a, a, "", "", undone))
	require.Equal(t, 1, parts(a, a, "", "", func(*run) {}))
	require.Equal(t, 1, parts(a, a, "2024-01-01", "2025-01-01", func(x *run) { undone(x); x.List = true }))
}
