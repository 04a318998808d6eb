// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"fmt"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/metadata"
)

// Shards that can't share a backfill are refused, and the error names the key and the remedy.
func TestShardMistakes(t *testing.T) {
	const good = "tracking_uri: http://localhost:5000\nexperiments: [a]\nstorage: file_storage\nshard: "
	for name, tc := range map[string]struct{ yaml, want string }{
		"no index":       {"{count: 4}", "shard::index: required; write which of the 4 shards"},
		"unset variable": {"{index: null, count: 4}", "shard::index: no value is written"},
		"index too large": {"{index: 4, count: 4}",
			"shard::index: 4 is not between 0 and 3; the first of 4 shards has the index 0"},
		"negative index":   {"{index: -2, count: 4}", "shard::index: -2 is not between 0 and 3"},
		"index alone":      {"{index: 1}", "shard::index: 1 is not between 0 and 0"},
		"count 0":          {"{index: 0, count: 0}", "shard::count: 0 is not a number of processes"},
		"no group":         {"4", "shard"},
		"tail":             {"{index: 0, count: 2}\nmode: tail", "shard: goes with mode backfill only; mode tail"},
		"check":            {"{index: 0, count: 2}\nmode: check", "shard: goes with mode backfill only; mode check"},
		"none and folders": {"{index: 0, count: 2, import: [a, none]}", "write folders or none, not both"},
		"empty folder":     {"{index: 0, count: 2, import: [\"\"]}", "shard::import[0]: empty"},
		"a number":         {"{index: 0, count: 2, import: 7}", "7 is not a folder"},
		"without storage": {"{index: 0, count: 2, import: a}\nstorage: none",
			"shard::import: there is no storage that could keep"},
	} {
		t.Run(name, func(t *testing.T) {
			yaml := good + tc.yaml
			if name == "without storage" {
				yaml = "tracking_uri: http://localhost:5000\nexperiments: [a]\nshard: " + tc.yaml
			}
			_, err := loadYAML(t, yaml)
			require.ErrorContains(t, err, tc.want)
		})
	}
	for _, yaml := range []string{
		"{index: 3, count: 4, import: [a, b]}", "{count: 1}", "{index: 0, count: 1, import: a}\nmode: tail", "{}",
		"{index: 1, count: 2}\ntrace_ids_file: f",
	} {
		_, err := loadYAML(t, good+yaml)
		require.NoError(t, err, yaml)
	}
}

// loadYAML loads the configuration of a receiver.
func loadYAML(t *testing.T, yaml string) (*Config, error) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	return load(t, conf)
}

// serveDays serves traces of the last days, so many on each.
func serveDays(t *testing.T, version string, days ...int) *mlflowtest.Server {
	t.Helper()
	server := mlflowtest.New(version)
	t.Cleanup(server.Close)
	server.AddExperiment(mlflowtest.Experiment{ID: "1", Name: "support-bot"})
	today, number := time.Now().Truncate(24*time.Hour), 0
	for day, n := range days {
		for i := range n {
			trace := server.Synthetic("1", number, 1, 1)
			trace.Timestamp = today.AddDate(0, 0, day-len(days)).Add(24 * time.Hour / time.Duration(n) *
				time.Duration(i)).UnixMilli()
			server.Add(trace)
			number++
		}
	}
	return server
}

// Shards list a server as often as one reader does, within a tenth, if a day has about 900 traces: it has a page that
// is not full. A server that can't count by day is asked for the end of each day and twice for its number,
// and by each shard for the first trace and for today.
func TestShardsListAsOftenAsOneReader(t *testing.T) {
	days := []int{700, 1090, 830, 670}
	total := 0
	for _, n := range days {
		total += n
	}
	for version, more := range map[string]struct{ day, shard int }{"3.17.2": {}, "2.14.3": {3, 2}} {
		t.Run(version, func(t *testing.T) {
			server := serveDays(t, version, days...)
			listed := map[int]int{}
			for _, count := range []int{1, 2, 3} {
				before, accepted := server.Count("traces/search"), int64(0)
				for index := range count {
					report := newSink()
					cfg := configure()
					cfg.TrackingURI, cfg.MaxSourceUtilization = opaque(server.URL()), 1
					cfg.Shard = ShardConfig{Index: index, Count: count}
					done := runOnce(t, cfg, receivertest.NewNopSettings(metadata.Type), newHost(report), report,
						consumertest.NewNop())
					require.True(t, done.Complete, done.Problems)
					require.Equal(t, cfg.shard(), done.Shard)
					accepted += progress.Sum(done.Experiments).Accepted
				}
				require.EqualValues(t, total, accepted)
				listed[count] = server.Count("traces/search") - before
			}
			t.Logf("requests that list traces: %v", listed)
			for _, count := range []int{2, 3} {
				assert.LessOrEqual(t, float64(listed[count]),
					1.1*float64(listed[1])+float64(more.day*len(days)+more.shard*count), "%d shards", count)
			}
		})
	}
}

// A storage belongs to one shard: another one is refused at start, unless it starts over.
func TestStorageOfAnotherShard(t *testing.T) {
	server := serveDays(t, "3.17.2", 3, 3, 3, 3, 3, 3, 3, 3)
	report, dir := newSink(), t.TempDir()
	h := newHost(report, storagetest.NewFileBackedStorageExtension("s", dir))
	set := receivertest.NewNopSettings(metadata.Type) // with an id of its own
	of := func(index, count int, imports ...string) *Config {
		cfg := configure()
		cfg.TrackingURI, cfg.StorageID = opaque(server.URL()), storageID("s")
		cfg.Shard = ShardConfig{Index: index, Count: count, Import: imports}
		return cfg
	}
	run := func(cfg *Config) int64 {
		done := runOnce(t, cfg, set, h, report, consumertest.NewNop())
		require.True(t, done.Complete, done.Problems)
		return progress.Sum(done.Experiments).Accepted
	}
	refused := func(cfg *Config, want string) {
		r, err := NewFactory().CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
		require.NoError(t, err)
		require.ErrorContains(t, r.Start(t.Context(), h), want)
		require.NoError(t, r.Shutdown(t.Context()))
	}
	require.EqualValues(t, 12, run(of(0, 2)))
	require.Zero(t, run(of(0, 2)))
	for _, other := range []*Config{of(1, 2), of(0, 3), of(0, 1)} {
		refused(other, "the storage holds the position of shard 1 of 2 (index 0), and this one reads "+
			other.shard().String())
	}
	refused(of(0, 3, dir), fmt.Sprintf("shard::import: the folder %s holds no position", dir))
	require.EqualValues(t, 24, run(of(0, 1, "none")))
	require.Zero(t, run(of(0, 1, "none")))
	require.Zero(t, run(of(0, 1)))
	refused(of(0, 2), "the storage holds the position of a process that reads everything")
	require.EqualValues(t, 12, run(of(0, 2, "none")), "what it delivered before it was given away does not count")
}
