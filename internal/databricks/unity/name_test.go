// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package unity

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseName(t *testing.T) {
	for _, c := range []struct {
		in, quoted, err string
	}{
		{in: "main.traces.agent_otel_spans", quoted: "`main`.`traces`.`agent_otel_spans`"},
		{in: "`my-catalog`.traces.`odd``name`", quoted: "`my-catalog`.`traces`.`odd``name`"},
		{in: "main/traces/agent_otel_spans", err: `write "main.traces.agent_otel_spans"`},
		{in: "traces.agent", err: "2 parts"},
		{in: "a..c", err: "a name is empty"},
		{in: "`a.b.c", err: "not closed"},
		{in: "`a`x.b.c", err: "comes a dot"},
		{in: "a.b c.d", err: "does not allow"},
	} {
		n, err := ParseName(c.in)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, c.in)
			continue
		}
		require.NoError(t, err, c.in)
		require.Equal(t, c.quoted, n.Quoted())
	}
}

func TestLocation(t *testing.T) {
	l := Location{"main", "traces", "agent"}
	require.NoError(t, l.Validate(LayoutV2))
	require.Equal(t, "main.traces.agent", l.String())
	require.Equal(t, "main.traces.agent_otel_spans", l.Table(SignalSpans, LayoutV2).String())
	require.Equal(t, "main.traces.mlflow_experiment_trace_otel_logs", l.Table(SignalLogs, LayoutV1).String())
	require.ErrorContains(t, Location{"main", "traces", "a-b"}.Validate(LayoutV2), "table_prefix")
	require.ErrorContains(t, Location{"main/traces", "x", "a"}.Validate(LayoutV2), `write "main.traces"`)
	require.NoError(t, Location{Catalog: "main", Schema: "traces"}.Validate(LayoutV1))
}
