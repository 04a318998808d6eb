// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package storagefile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type m = map[string]any

// Files are those of components of pipelines that name the storage; others may lie there, damaged or not.
func TestFiles(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, name := range []string{"receiver_mlflow_", "receiver_mlflow_prod~0020eu", "exporter_otlp_http__traces",
		"exporter_otlp_http_b_traces", "receiver_mlflow_unused",
		"exporter_otlp_http__traces.20260101T000000.000Z.backup", "tempdb123", "notes.txt", "receiver_filelog_"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "receiver_mlflow__folder"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(other, "receiver_mlflow_"), nil, 0o600))
	conf := m{
		"receivers": m{"mlflow": m{"storage": "file_storage"}, "mlflow/prod eu": m{"storage": "file_storage"},
			"mlflow/unused": m{"storage": "file_storage"}, "filelog": m{"storage": nil}},
		"exporters": m{"otlp_http": m{"sending_queue": m{"storage": "file_storage"}},
			"otlp_http/b": m{"sending_queue": m{"storage": "file_storage/b"}}},
		"extensions": m{"file_storage": m{"directory": dir}, "file_storage/b": m{"directory": dir, "recreate": true},
			"file_storage/c": m{"directory": other}, "file_storage/d": m{"directory": filepath.Join(other, "none")}},
		"service": m{
			"extensions": []any{"mlflow_report", "file_storage", "file_storage/b", "file_storage/c", "file_storage/d"},
			"pipelines": m{
				"traces":   m{"receivers": []any{"mlflow", "filelog"}, "exporters": []any{"otlp_http", "otlp_http/b"}},
				"traces/b": m{"receivers": []any{"mlflow/prod eu"}, "exporters": []any{"otlp_http"}},
			}},
	}
	files, err := Files(conf)
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "exporter_otlp_http__traces"), filepath.Join(dir, "receiver_mlflow_"),
		filepath.Join(dir, "receiver_mlflow_prod~0020eu")}, files)

	conf["extensions"] = m{"file_storage": m{"directory": filepath.Join(dir, "notes.txt")}}
	_, err = Files(conf)
	assert.ErrorContains(t, err, "notes.txt")
}
