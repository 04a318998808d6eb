// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// canaries are traces on a real server with an e-mail address of its own in every place for text.
// One trace more is broken in the store, with an address in what is left.
var canaries = sync.OnceValues(func() (mlflowserver.Canaries, error) {
	s, err := destination()
	if err != nil {
		return mlflowserver.Canaries{}, err
	}
	return s.Canaries("canaries")
})

// liveCanaries are spans of agents in the other dialects, with an address in every place for text,
// those of resource, scope and links among them.
func liveCanaries() (td ptrace.Traces, placed []string) {
	at := func(place string) string {
		placed = append(placed, "canary.live-"+place+"@example.com")
		return "Hi \"you\",\n" + placed[len(placed)-1] + " or call +49 30 901820"
	}
	asJSON := func(place string) string {
		text, _ := json.Marshal([]any{map[string]any{"role": "user", "content": at(place)}})
		return string(text)
	}
	td = ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("note", at("resource"))
	rs.Resource().Attributes().PutStr("process.command_line", at("command"))
	rs.Resource().Attributes().PutEmptySlice("notes").AppendEmpty().SetStr(at("resource-list"))
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().Attributes().PutStr("note", at("scope"))
	add := func(name string, marker, kind string) ptrace.Span {
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{0xca, byte(ss.Spans().Len())})
		s.SetSpanID(pcommon.SpanID{1})
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		s.SetEndTimestamp(s.StartTimestamp() + 1000)
		s.SetName(name)
		s.Attributes().PutStr(marker, kind)
		return s
	}
	s := add(at("name"), "gen_ai.operation.name", "chat")
	s.Attributes().PutStr("gen_ai.request.model", "gpt-4o")
	s.Attributes().PutStr("gen_ai.input.messages", asJSON("messages"))
	part := s.Attributes().PutEmptySlice("gen_ai.output.messages").AppendEmpty().SetEmptyMap()
	part.PutStr("role", "assistant")
	part.PutEmptySlice("parts").AppendEmpty().SetEmptyMap().PutStr("content", at("part"))
	for _, key := range []string{"gen_ai.system_instructions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
		"gen_ai.retrieval.documents", "gen_ai.tool.definitions", "user.id", "enduser.id", "customer"} {
		s.Attributes().PutStr(key, at(key))
	}
	s.Attributes().PutEmptyBytes("bytes").FromRaw([]byte(at("bytes")))
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage(at("status"))
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.Attributes().PutStr("exception.message", at("exception"))
	e.Attributes().PutStr("exception.stacktrace", at("stack"))
	e = s.Events().AppendEmpty()
	e.SetName("gen_ai.user.message")
	e.Attributes().PutStr("content", asJSON("event"))
	l := s.Links().AppendEmpty()
	l.SetTraceID(pcommon.TraceID{9})
	l.SetSpanID(pcommon.SpanID{9})
	l.Attributes().PutStr("why", at("link"))
	for _, dialect := range [][]string{
		{"openinference.span.kind", "input.value", "output.value", "llm.input_messages.0.message.content",
			"retrieval.documents.0.document.content", "metadata", "llm.prompt_template.variables"},
		{"traceloop.span.kind", "gen_ai.prompt.0.content", "gen_ai.completion.0.content", "traceloop.entity.input",
			"traceloop.association.properties.customer", "traceloop.entity.name"},
		{"langfuse.observation.type", "langfuse.observation.input", "langfuse.trace.metadata.note", "langfuse.user.id"},
		{"mlflow.spanType", "mlflow.spanInputs", "mlflow.traceTag.note", "mlflow.trace.user", "assessments"},
	} {
		marker := dialect[0]
		s := add(marker, marker, "LLM")
		for _, key := range dialect[1:] {
			s.Attributes().PutStr(key, at(marker+"-"+key))
		}
	}
	return td, placed
}

// seen is what a run let out.
type seen struct {
	surfaces map[string]string // by name: traces, what the destination got, log, metrics …
	spans    []ptrace.Traces   // in the order of the file
}

// runCanaries runs the binary with the canaries of the server and the live ones through a genai
// processor, a file, a destination, and metrics derived from the spans.
func runCanaries(t *testing.T, s *mlflowserver.Server, c mlflowserver.Canaries, payloads string,
	content map[string]any) seen {
	t.Helper()
	dir, sink := t.TempDir(), otlpsink.New(t)
	var refused atomic.Bool
	sink.Script(func(ptrace.Traces, <-chan struct{}) (int, string) {
		if refused.Swap(true) {
			return 0, ""
		}
		return http.StatusServiceUnavailable, "not yet"
	})
	otlpPort, ownPort, derivedPort := collector.FreeAddress(t), collector.FreeAddress(t), collector.FreeAddress(t)
	live, _ := liveCanaries()
	config := collector.Backfill(s.URL, dir).Set("receivers::mlflow::experiments",
		map[string]any{"ids": []any{c.Experiment}}).
		Set("receivers::mlflow::on_complete", "stay").Set("receivers::mlflow::payloads",
		payloads).Set("receivers::mlflow::max_skipped", "50%").
		Set("receivers::otlp::protocols::http::endpoint", otlpPort).
		Set("processors::genai", map[string]any{
			"content": content,
			// the first fails
			"tokens": map[string]any{"spans": "all",
				"conditions": []any{`ParseJSON(span.attributes["mlflow.spanInputs"]) == nil`, "true"}},
			"cost": map[string]any{"models": []any{map[string]any{"match": "gpt*", "input": 1, "output": 2}}},
		}).
		Set("exporters::otlp_http", collector.OTLP(sink.URL, nil)).
		Set("exporters::prometheus::endpoint", derivedPort).
		Set("connectors::span_metrics", map[string]any{"metrics_flush_interval": "100ms"}).
		Set("service::pipelines::traces", map[string]any{"receivers": []any{"mlflow", "otlp"},
			"processors": []any{"genai"}, "exporters": []any{"file", "otlp_http", "span_metrics"}}).
		Set("service::pipelines::metrics", map[string]any{"receivers": []any{"span_metrics"},
			"exporters": []any{"prometheus"}}).
		Set("service::telemetry::logs::level", "debug").
		Set("service::telemetry::metrics", map[string]any{"level": "detailed",
			"readers": []any{map[string]any{"pull": map[string]any{"exporter": map[string]any{
				"prometheus": map[string]any{"host": "127.0.0.1",
					"port": json.Number(ownPort[strings.LastIndexByte(ownPort, ':')+1:])},
			}}}}})
	p := collector.Start(t, dir, config)
	eventually(t, func() bool { return p.Ended() || len(sink.Spans()) == c.Spans }, "the spans of the server arrive")
	require.False(t, p.Ended(), "%s", p.Logs())
	body, err := ptraceotlp.NewExportRequestFromTraces(live).MarshalProto()
	require.NoError(t, err)
	eventually(t, func() bool {
		answer, err := http.Post("http://"+otlpPort+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, "the receiver of OTLP answers")
	out := seen{surfaces: map[string]string{"own metrics": get(t, ownPort)}}
	eventually(t, func() bool {
		out.surfaces["derived metrics"] = get(t, derivedPort)
		return strings.Contains(out.surfaces["derived metrics"], "calls_total")
	}, "span metrics appear")
	require.Contains(t, out.surfaces["own metrics"], "processor_genai")
	p.Signal(syscall.SIGTERM)
	p.Done(0)
	out.spans = collector.Traces(t, dir)
	assert.Len(t, otlpsink.Count(out.spans), c.Spans+live.SpanCount())
	for _, name := range []string{"traces.jsonl", "report.json", "report.html", "skipped.jsonl", "log"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err, name)
		out.surfaces[name] = string(text)
	}
	assert.Contains(t, out.surfaces["skipped.jsonl"], c.Broken)
	assert.Contains(t, out.surfaces["log"], "tokens::conditions[0]", "an expression fails, which is logged")
	out.surfaces["summary"] = p.Out()
	for _, td := range sink.Accepted() {
		text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		out.surfaces["destination"] += string(text)
	}
	return out
}

func get(t *testing.T, address string) string {
	t.Helper()
	answer, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

var addresses = regexp.MustCompile(`canary\.[\w.-]*(@|%40)example\.com`)

// found are the canaries in a text.
func found(text string) map[string]bool {
	all := map[string]bool{}
	for _, c := range addresses.FindAllString(text, -1) {
		all[c] = true
	}
	return all
}

// With drop and hash nothing that people or models wrote leaves the process on any way; with mask
// no e-mail address, and what was JSON stays JSON. Counts, scores and costs are those of the
// untouched text.
func TestCanaries(t *testing.T) {
	t.Parallel()
	s, c := need(t, destination), need(t, canaries)
	corrupt := `{"name": "canary.corrupt@example.com", "attributes": {"mlflow.spanInputs": "canary.corrupt@example.com`
	openStore(t, filepath.Join(s.Dir, "mlflow.db")).exec(`UPDATE spans SET content = ? WHERE trace_id = ?`, corrupt,
		c.Broken)
	_, live := liveCanaries()
	const key = "a secret of sixteen bytes and more"
	for _, payloads := range []string{"structured", "json"} {
		t.Run(payloads, func(t *testing.T) {
			t.Parallel()
			plain := runCanaries(t, s, c, payloads, map[string]any{"action": "keep"})
			want := map[string]bool{}
			for _, each := range append(live, c.Canaries...) {
				want[each] = true
			}
			assert.Equal(t, want, found(plain.surfaces["destination"]), "there is something to find in every place")
			written := writtenBySpan(plain.spans)
			for name, content := range map[string]map[string]any{
				"drop": {"action": "drop", "person_ids": "drop"}, "drop, persons hashed": {"action": "drop",
					"hash_key": key}, "hash": {"action": "hash", "hash_key": key},
				"mask":                  {"action": "mask", "hash_key": key},
				"mask, persons dropped": {"action": "mask", "person_ids": "drop"},
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					treated := runCanaries(t, s, c, payloads, content)
					for surface, text := range treated.surfaces {
						leaked := found(text)
						if name == "hash" { // keys stay
							for _, k := range c.Keys {
								delete(leaked, k)
							}
						}
						assert.Empty(t, leaked, "%s", surface)
						assert.NotContains(t, text, "corrupt@", "%s", surface)
					}
					assert.Equal(t, written, writtenBySpan(treated.spans))
					if name == "mask" {
						assert.Contains(t, treated.surfaces["traces.jsonl"], "[email]")
						assert.Greater(t, stillJSON(t, plain.spans, treated.spans), 10)
					}
				})
			}
		})
	}
}

// writtenBySpan is what the processor wrote on each span.
func writtenBySpan(all []ptrace.Traces) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, td := range all {
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
			attributes := refinedAttributes(s)
			for key, v := range s.Attributes().All() {
				if strings.HasPrefix(key, "contract_cost_") {
					attributes[key] = v.AsRaw()
				}
			}
			out[fmt.Sprint(s.TraceID(), " ", s.SpanID())] = attributes
		})
	}
	return out
}

// stillJSON requires that strings that are JSON texts of objects, lists or strings in one output
// are so in the other, and returns how many there are.
func stillJSON(t *testing.T, before, after []ptrace.Traces) int {
	t.Helper()
	was, is := stringsOf(before), stringsOf(after)
	require.Len(t, is, len(was), "as many strings at the same places")
	n := 0
	for place, text := range was {
		if isJSONText(text) {
			n++
			assert.True(t, isJSONText(is[place]), "%s: %s became %s", place, text, is[place])
		}
	}
	return n
}

func isJSONText(s string) bool {
	return s != "" && strings.ContainsAny(s[:1], `{["`) && json.Valid([]byte(s))
}

// stringsOf are all strings of all spans by their place.
func stringsOf(all []ptrace.Traces) map[string]string {
	out := map[string]string{}
	var walk func(place string, v pcommon.Value)
	mapping := func(place string, m pcommon.Map) {
		i := 0
		for _, v := range m.All() {
			walk(fmt.Sprint(place, ".", i), v)
			i++
		}
	}
	walk = func(place string, v pcommon.Value) {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			out[place] = v.Str()
		case pcommon.ValueTypeMap:
			mapping(place, v.Map())
		case pcommon.ValueTypeSlice:
			for i, e := range v.Slice().All() {
				walk(fmt.Sprint(place, "[", i), e)
			}
		}
	}
	for _, td := range all {
		otlpsink.Each(td, func(_ pcommon.Resource, _ pcommon.InstrumentationScope, s ptrace.Span) {
			place := fmt.Sprint(s.TraceID(), s.SpanID())
			mapping(place, s.Attributes())
			for i, e := range s.Events().All() {
				mapping(fmt.Sprint(place, "event", i), e.Attributes())
			}
			for i, l := range s.Links().All() {
				mapping(fmt.Sprint(place, "link", i), l.Attributes())
			}
		})
	}
	return out
}
