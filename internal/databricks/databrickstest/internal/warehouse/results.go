// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package warehouse

import (
	"fmt"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
)

// fill turns a result into cells, within the limits.
func (w *SQL) fill(s *statement, result *rowSet) error {
	if s.in.RowLimit > 0 && len(result.values) > s.in.RowLimit {
		result.values, s.truncated = result.values[:s.in.RowLimit], true
	}
	for _, v := range result.values {
		row := make([]*string, len(v))
		for i := range v {
			if v[i] != nil {
				cell := fmt.Sprint(v[i])
				row[i], s.bytes = &cell, s.bytes+len(cell)
			}
			s.bytes += 3
		}
		s.cells = append(s.cells, row)
	}
	if s.bytes > w.Switches.InlineLimit {
		return failed("INLINE_BYTE_LIMIT_EXCEEDED", "54000", "Inline byte limit exceeded. Statements executed with "+
			"disposition=INLINE can have a result size of at most %d bytes. Please execute the statement with "+
			"disposition=EXTERNAL_LINKS if you want to download the full result.", w.Switches.InlineLimit)
	}
	s.result = result
	return nil
}

// document is the answer to submit and GET. Under the lock.
func (w *SQL) document(s *statement) map[string]any {
	status := map[string]any{"state": s.state}
	out := map[string]any{"statement_id": s.id, "status": status}
	switch {
	case s.err != nil:
		status["error"] = map[string]any{"error_code": "BAD_REQUEST", "message": s.err.Error()}
		status["sql_state"] = s.err.state
	case s.state == "SUCCEEDED" && s.result == nil:
		out["manifest"] = map[string]any{"format": "JSON_ARRAY", "schema": map[string]any{"column_count": 0},
			"total_row_count": 0, "truncated": false}
		out["result"] = struct{}{}
	case s.state == "SUCCEEDED":
		out["manifest"] = w.manifest(s)
		out["result"] = struct{}{}
		if len(s.cells) > 0 {
			out["result"] = w.chunk(s, 0)
		}
	}
	return out
}

func (w *SQL) manifest(s *statement) map[string]any {
	columns := []any{}
	for i, c := range s.result.columns {
		columns = append(columns, map[string]any{
			"name": c.Name, "type_name": catalog.TypeName(c.Type), "type_text": strings.ToUpper(c.Type), "position": i,
		})
	}
	chunks := []any{}
	for i := range w.chunks(s) {
		from, to := w.bounds(s, i)
		chunks = append(chunks, map[string]any{"chunk_index": i, "row_offset": from, "row_count": to - from})
	}
	return map[string]any{
		"format": "JSON_ARRAY", "schema": map[string]any{"column_count": len(columns), "columns": columns},
		"total_chunk_count": len(chunks), "chunks": chunks,
		"total_row_count": len(s.cells), "total_byte_count": s.bytes, "truncated": s.truncated,
	}
}

func (w *SQL) chunks(s *statement) int {
	return (len(s.cells) + w.Switches.ChunkRows - 1) / w.Switches.ChunkRows
}

func (w *SQL) bounds(s *statement, i int) (int, int) {
	return i * w.Switches.ChunkRows, min((i+1)*w.Switches.ChunkRows, len(s.cells))
}

func (w *SQL) chunk(s *statement, i int) map[string]any {
	from, to := w.bounds(s, i)
	out := map[string]any{"chunk_index": i, "row_offset": from, "row_count": to - from, "data_array": s.cells[from:to]}
	if i+1 < w.chunks(s) {
		out["next_chunk_index"] = i + 1
		out["next_chunk_internal_link"] = fmt.Sprintf("/api/2.0/sql/statements/%s/result/chunks/%d?row_offset=%d", s.id,
			i+1, to)
	}
	return out
}
