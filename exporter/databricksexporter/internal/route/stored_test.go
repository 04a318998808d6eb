// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

type stored map[component.ID]component.Component

func (s stored) GetExtensions() map[component.ID]component.Component { return s }

// The list keeps its form: what an earlier version has written is read, and queues on disk are
// found by the keys.
func TestStoredForm(t *testing.T) {
	extension := storagetest.NewFileBackedStorageExtension("disk", t.TempDir())
	host, exporter := stored{extension.ID: extension}, component.MustNewID("databricks")
	const text = `[{"table":{"Signal":"spans","Layout":"v2",` +
		`"Table":{"Catalog":"a","Schema":"b","Table":"x_otel_spans"},` +
		`"Location":{"Catalog":"a","Schema":"b","Prefix":"x"},"Experiment":""}},` +
		`{"table":{"Signal":"","Layout":"","Table":{"Catalog":"","Schema":"","Table":""},` +
		`"Location":{"Catalog":"","Schema":"","Prefix":""},"Experiment":""},"experiment":"/Shared/agents"}]`
	client, err := extension.GetClient(t.Context(), component.KindExporter, exporter, "destinations_traces")
	require.NoError(t, err)
	require.NoError(t, client.Set(t.Context(), "destinations", []byte(text)))
	require.NoError(t, client.Close(t.Context()))

	p := &Plan{Targets: []Target{{Experiment: "1"}}}
	s, err := Recall(t.Context(), host, extension.ID, exporter, "traces", p)
	require.NoError(t, err)
	l := unity.Location{Catalog: "a", Schema: "b", Prefix: "x"}
	table := Destination{Signal: unity.SignalSpans, Layout: unity.LayoutV2,
		Table: l.Table(unity.SignalSpans, unity.LayoutV2), Location: l}
	require.Equal(t, []Target{{Experiment: "1"}, {Table: table}, {Experiment: "/Shared/agents"}}, p.Targets)
	require.Equal(t, "experiment:/Shared/agents", p.Targets[2].Key())

	p.Targets = p.Targets[1:] // written again as it was
	s.configured = 2
	require.NoError(t, s.Close(t.Context(), func(int) bool { return false }))
	client, err = extension.GetClient(t.Context(), component.KindExporter, exporter, "destinations_traces")
	require.NoError(t, err)
	got, err := client.Get(t.Context(), "destinations")
	require.NoError(t, err)
	require.Equal(t, text, string(got))
	require.NoError(t, client.Close(t.Context()))
}

func TestStoredIsCorrupt(t *testing.T) {
	extension := storagetest.NewFileBackedStorageExtension("disk", t.TempDir())
	host, exporter := stored{extension.ID: extension}, component.MustNewID("databricks")
	client, err := extension.GetClient(t.Context(), component.KindExporter, exporter, "destinations_logs")
	require.NoError(t, err)
	require.NoError(t, client.Set(t.Context(), "destinations", []byte("{")))
	require.NoError(t, client.Close(t.Context()))
	_, err = Recall(t.Context(), host, extension.ID, exporter, "logs", &Plan{})
	require.ErrorContains(t, err, "sending_queue::storage: the list of destinations can't be read")
	var none *Stored
	require.NoError(t, none.Close(t.Context(), nil))
}
