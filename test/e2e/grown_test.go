// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// copies is how often the traces of the sample store are in the grown one: 17 × 122 traces with
// spans, all copies with the same times.
const copies = 17

var grownOnce sync.Mutex

// grown is a large store, made from the sample by copying the rows of its traces under other trace
// ids.
func grown(t *testing.T) string {
	t.Helper()
	grownOnce.Lock()
	defer grownOnce.Unlock()
	path := filepath.Join(work, "grown", "mlflow.db")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	making := filepath.Join(work, "growing")
	require.NoError(t, os.MkdirAll(making, 0o700))
	s := copyOf(t, sample, making)
	s.exec(`DELETE FROM trace_info WHERE request_id NOT IN (SELECT trace_id FROM spans)`)
	s.exec(`CREATE TABLE sampled AS SELECT DISTINCT trace_id FROM spans`)
	s.db.SetMaxOpenConns(1)
	s.exec(`BEGIN`)
	for _, table := range []struct{ name, id string }{{"trace_info", "request_id"}, {"trace_tags", "request_id"},
		{"trace_request_metadata", "request_id"}, {"spans", "trace_id"}} {
		columns := s.column(`SELECT name FROM pragma_table_info(?)`, table.name)
		insert := `INSERT INTO ` + table.name + ` (` + strings.Join(columns, ", ") + `) VALUES (` +
			strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + `)`
		for _, row := range s.rows(`SELECT ` + strings.Join(columns, ", ") + ` FROM ` + table.name + ` WHERE ` +
			table.id + ` IN (SELECT trace_id FROM sampled)`) {
			id, content := slices.Index(columns, table.id), slices.Index(columns, "content")
			for k := 1; k < copies; k++ {
				other := slices.Clone(row)
				other[id] = otherID(row[id].(string), k)
				if content >= 0 {
					other[content] = otherContent(row[content].(string), row[id].(string), k)
				}
				s.exec(insert, other...)
			}
		}
	}
	s.exec(`COMMIT`)
	require.NoError(t, s.db.Close())
	require.NoError(t, os.Rename(making, filepath.Dir(path)))
	return path
}

func otherID(id string, k int) string { return fmt.Sprintf("tr-%04x%s", k, id[7:]) }

// otherContent is the document of a span of a trace under another trace id.
func otherContent(document, id string, k int) string {
	for _, spelled := range []func(string) string{func(id string) string { return id }, base64ID} {
		document = strings.ReplaceAll(document, spelled(id), spelled(otherID(id, k)))
	}
	return document
}

func base64ID(id string) string {
	b, _ := hex.DecodeString(id[3:])
	return base64.StdEncoding.EncodeToString(b)
}
