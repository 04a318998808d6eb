// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreportextension

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// inbox keeps what is published.
type inbox struct {
	component.StartFunc
	component.ShutdownFunc
	ids, reports []string
}

func (i *inbox) PublishReport(id string, report []byte) {
	i.ids, i.reports = append(i.ids, id), append(i.reports, string(report))
}

var _ progress.Publisher = (*inbox)(nil)

// Each report that is written is published, the one of the shutdown, too: the publisher stops after this extension.
func TestReportsArePublished(t *testing.T) {
	to := component.MustNewID("inbox")
	path := filepath.Join(t.TempDir(), "report.json")
	r := newReporter(extensiontest.NewNopSettings(metadata.Type), &Config{Path: path, PublishTo: &to}, &bytes.Buffer{})
	require.Equal(t, []component.ID{to}, r.Dependencies())
	require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()),
		"publish_to: extension inbox takes no reports; name an extension mlflow_report_topic")

	published := &inbox{}
	require.NoError(t, r.Start(t.Context(), extensions{to: published}))
	going := run(false)
	going.Ended = time.Time{}
	r.Publish(going)
	r.Publish(run(true))
	require.Len(t, published.reports, 2)
	require.NoError(t, r.Shutdown(t.Context()))
	require.Len(t, published.reports, 3)
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(written), published.reports[2]+"\n")
	var doc report.Document
	for i, final := range []bool{false, false, true} {
		require.NoError(t, json.Unmarshal([]byte(published.reports[i]), &doc))
		require.Equal(t, final, doc.Final)
		require.EqualValues(t, i+1, doc.Sequence)
		require.Equal(t, process, doc.Process)
		require.Equal(t, published.ids[0], doc.ID)
		require.Equal(t, published.ids[0], published.ids[i])
	}
	require.NotEmpty(t, published.ids[0])
	require.Empty(t, newReporter(extensiontest.NewNopSettings(metadata.Type), &Config{Path: path}, nil).Dependencies())
}

// A restarted process has another id, also where its service.instance.id is configured: its reports do not replace
// those of the process before.
func TestIDs(t *testing.T) {
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Resource.Attributes().PutStr("service.instance.id", "pod-0")
	one, other := newReporter(set, &Config{}, nil), newReporter(set, &Config{}, nil)
	require.NotEqual(t, one.id, other.id)
	require.Contains(t, one.id, "pod-0/"+set.ID.String()+"/")
}
