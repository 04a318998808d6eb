// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
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
