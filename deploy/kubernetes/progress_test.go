// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The probe fails from the second time on that something waits and nothing was delivered, until something is.
func TestProgress(t *testing.T) {
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	dir := t.TempDir()
	page := filepath.Join(dir, "metrics")
	wget := fmt.Sprintf("#!%s\nexec cat %s\n", sh, page)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "wget"), []byte(wget), 0o700))
	probe := func(args ...string) error {
		cmd := exec.CommandContext(t.Context(), sh, append([]string{"scale/progress.sh"}, args...)...)
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "PROGRESS_FILE=" + filepath.Join(dir, "last")}
		return cmd.Run()
	}
	require.Error(t, probe("start"), "the process does not answer")
	require.Error(t, probe())
	for _, step := range []struct {
		sent, lag, queued float64
		healthy           bool
	}{
		{0, 12, 0, true}, {0, 12, 0, false}, {0, 12, 3, false}, // nothing since the start
		{3e6, 9, 1, true}, {3000001, 9, 1, true}, {3000001, 9, 0, false},
		{3000001, 0, 1, false}, {3000001, 0, 0, true}, {3000001, 0, 0, true}, // nothing waits
		{7, 5, 0, true}, // started again
	} {
		text := fmt.Sprintf("# HELP otelcol_exporter_sent_spans x\n"+
			"otelcol_exporter_sent_spans_total{exporter=\"otlp_http\"} %g\notelcol_exporter_queue_capacity{} 1000\n"+
			"otelcol_exporter_queue_size{exporter=\"otlp_http\",data_type=\"traces\"} %g\n"+
			"otelcol_kafka_receiver_offset_lag{topic=\"mlflow-traces\",partition=\"0\"} %g\n"+
			"otelcol_kafka_receiver_offset_lag{topic=\"mlflow-traces\",partition=\"1\"} 0\n",
			step.sent, step.queued, step.lag)
		require.NoError(t, os.WriteFile(page, []byte(text), 0o600))
		require.Equal(t, step.healthy, probe() == nil, "%+v", step)
		require.NoError(t, probe("start"), "the process answers")
	}
}
