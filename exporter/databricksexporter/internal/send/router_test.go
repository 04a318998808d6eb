// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

// Queues on disk are found by their ids: they stay what they are.
func TestQueueID(t *testing.T) {
	const table = "main.traces.agents_otel_spans"
	plain, named := component.MustNewID("databricks"), component.MustNewIDWithName("databricks", "prod")
	require.Equal(t, "databricks/main.traces.agents_otel_spans", QueueID(plain, table).String())
	require.Equal(t, "databricks/prod@main.traces.agents_otel_spans", QueueID(named, table).String())
	require.NotEqual(t, QueueID(plain, "experiment:/a/b"), QueueID(plain, "experiment:/a~b"))
	require.NotContains(t, QueueID(plain, "experiment:/a/b").Name(), "/")
	long := string(make([]byte, 300))
	require.Len(t, QueueID(plain, long).Name(), 100)
	require.NotEqual(t, QueueID(plain, long), QueueID(plain, long+"x"))
}
