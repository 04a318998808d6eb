// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/faithful"
)

// The history of one server, sent by the stock exporter to another, gives the same spans there, and
// sending it twice adds nothing.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]func() (*shared, error){"from a database": database,
		"from artifacts": artifactsV3} {
		t.Run(name, func(t *testing.T) {
			from, to := need(t, source), need(t, destination)
			target := experiment(t, to, t.Name())
			store := openStore(t, filepath.Join(to.Dir, "mlflow.db"))
			send := func() {
				dir := t.TempDir()
				c := collector.Backfill(from.URL, dir).Set("receivers::mlflow::experiments::names",
					from.Names).Set("receivers::mlflow::max_skipped", "20%").
					Set("receivers::mlflow::end_time", farOff).ToOTLP(to.URL,
					map[string]any{"x-mlflow-experiment-id": target})
				p := collector.Run(t, dir, c, 0)
				assert.NotContains(t, p.Logs(), "Exporting failed", "a request was refused")
			}
			send()
			expected := filepath.Join(t.TempDir(), "expected.jsonl")
			require.NoError(t, to.Expected(expected, target))
			want, _, _ := faithful.Deliverable(faithful.Read(t, from.Truth), time.Now())
			faithful.Survived(t, want, faithful.Read(t, expected))

			count := func() (list []string) {
				for _, table := range []string{"spans WHERE experiment_id = ?", "trace_info WHERE experiment_id = ?",
					"trace_tags WHERE request_id IN (SELECT request_id FROM trace_info WHERE experiment_id = ?)",
					"trace_request_metadata WHERE request_id IN (SELECT request_id FROM trace_info WHERE " +
						"experiment_id = ?)"} {
					list = append(list, table+": "+store.one("SELECT count(*) FROM "+table, target))
				}
				return list
			}
			before := count()
			send()
			assert.Equal(t, before, count())
		})
	}
}

// Values of any depth, and integers of any size, reach a real server without a refused request.
func TestDepth(t *testing.T) {
	t.Parallel()
	to := need(t, destination)
	target := experiment(t, to, t.Name())
	dir := t.TempDir()
	s := copyOf(t, grown(t), dir)
	for _, table := range []string{"spans WHERE trace_id", "trace_info WHERE request_id", "trace_tags WHERE request_id",
		"trace_request_metadata WHERE request_id"} {
		s.exec(`DELETE FROM ` + table + ` NOT LIKE 'tr-0001%'`) // the destination has the sample's own traces already
	}
	values := map[string]string{}
	for _, depth := range []int{23, 24, 25, 31, 32, 33, 100, 10_000} {
		values[fmt.Sprintf("object %d", depth)] = strings.Repeat(`{"n":`, depth) + "1" + strings.Repeat("}", depth)
		values[fmt.Sprintf("list %d", depth)] = strings.Repeat("[", depth) + "1" + strings.Repeat("]", depth)
	}
	values["beyond int64"] = `{"n":1180591620717411303424,"list":[-9223372036854775809,18446744073709551615],` +
		`"fits":9223372036854775807}`
	values["deep and large"] = strings.Repeat(`{"n":`, 30) + "1180591620717411303424" + strings.Repeat("}", 30)
	spans := s.column(
		`SELECT s.trace_id || ' ' || s.span_id FROM spans s JOIN experiments e ON e.experiment_id = s.experiment_id
		WHERE e.lifecycle_stage = 'active' GROUP BY s.trace_id ORDER BY s.trace_id LIMIT ?`, len(values))
	require.Len(t, spans, len(values))
	where, i := map[string]string{}, 0
	for name := range values {
		where[name] = spans[i]
		i++
		trace, span, _ := strings.Cut(where[name], " ")
		s.edit(trace, span, func(document map[string]any) {
			document["attributes"].(map[string]any)["value"] = values[name]
			document["attributes"].(map[string]any)["beside"] = "1"
		})
	}
	c := collector.Backfill(s.URI(), dir).Set("receivers::mlflow::max_skipped", "5%").ToOTLP(to.URL,
		map[string]any{"x-mlflow-experiment-id": target})
	p := collector.Run(t, dir, c, 0)
	assert.NotContains(t, p.Logs(), "Exporting failed", "a request was refused")
	arrived := openStore(t, filepath.Join(to.Dir, "mlflow.db"))
	assert.Equal(t, strconv.Itoa(sampleSpans),
		arrived.one(`SELECT count(*) FROM spans WHERE experiment_id = ?`, target))
	for name, want := range values {
		trace, span, _ := strings.Cut(where[name], " ")
		var document struct{ Attributes map[string]string }
		require.NoError(t,
			json.Unmarshal([]byte(arrived.one(`SELECT content FROM spans WHERE trace_id = ? AND span_id = ?`,
				trace, span)), &document))
		assert.Equal(t, "1", document.Attributes["beside"], name)
		if got := flat(document.Attributes["value"]); got != want {
			assert.Fail(t, "the value changed", "%s: want %.200s, got %.200s", name, want, got)
		}
	}
}

// flat is a JSON text without spaces and with the strings that hold JSON text replaced by what they
// hold. The values of TestDepth hold no other strings.
func flat(text string) string {
	text = strings.ReplaceAll(text, " ", "")
	for strings.Contains(text, `:"`) || strings.Contains(text, `["`) || strings.HasPrefix(text, `"`) ||
		strings.Contains(text, `,"-`) || strings.Contains(text, `,"1`) {
		var b strings.Builder
		for rest := text; rest != ""; {
			end := -1
			if rest[0] == '"' {
				end = 1
				for rest[end] != '"' {
					if rest[end] == '\\' {
						end++
					}
					end++
				}
			}
			if end < 0 {
				b.WriteByte(rest[0])
				rest = rest[1:]
				continue
			}
			var inner string
			_ = json.Unmarshal([]byte(rest[:end+1]), &inner)
			if strings.HasPrefix(rest[end+1:], ":") { // a key
				b.WriteString(rest[:end+1])
			} else {
				b.WriteString(strings.ReplaceAll(inner, " ", ""))
			}
			rest = rest[end+1:]
		}
		if b.String() == text {
			break
		}
		text = b.String()
	}
	return text
}
