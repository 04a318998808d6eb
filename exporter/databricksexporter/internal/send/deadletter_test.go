// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func line(t *testing.T, name string) []byte {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(name)
	text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return text
}

func TestDeadLetters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(`{"torn": `), 0o600))
	one, err := OpenDeadLetters(path)
	require.NoError(t, err)
	two, err := OpenDeadLetters(path) // another signal, another exporter
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 20 {
		f := []*DeadLetters{one, two}[i%2]
		wg.Go(func() {
			require.NoError(
				t,
				f.write(
					note{
						Time:        time.Unix(0, 0).UTC(),
						Exporter:    "databricks",
						Destination: "a.b.c",
						Signal:      "traces",
						Reason:      "schema",
						Message:     "why",
						Items:       1,
					},
					line(t, strconv.Itoa(i)),
				),
			)
		})
	}
	wg.Wait()
	require.NoError(t, one.Close())
	require.NoError(t, one.Close())
	require.ErrorIs(t, one.write(note{}, line(t, "late")), os.ErrClosed)
	require.NoError(t, two.Close())

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	require.Len(t, lines, 21)
	require.Equal(t, `{"torn": `, lines[0], "what a killed process left stands alone")
	seen := map[string]bool{}
	for _, l := range lines[1:] {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(l))
		require.NoError(t, err)
		seen[td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Name()] = true
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(l))
		require.NoError(t, err)
		require.Zero(t, ld.LogRecordCount(), "a reader of another signal finds nothing")
		var note struct {
			DeadLetter note `json:"deadLetter"`
		}
		require.NoError(t, json.Unmarshal([]byte(l), &note))
		require.Equal(t, "why", note.DeadLetter.Message)
	}
	require.Len(t, seen, 20)
}

func TestFaults(t *testing.T) {
	_, err := OpenDeadLetters(filepath.Join(t.TempDir(), "missing", "dead.jsonl"))
	require.Error(t, err)
	f, err := OpenDeadLetters(filepath.Join(t.TempDir(), "dead.jsonl"))
	require.NoError(t, err)
	require.ErrorContains(t, f.write(note{}, []byte("{}")), "no object")
	require.ErrorContains(t, f.write(note{}, nil), "no object")
	require.NoError(t, f.Close())
}
