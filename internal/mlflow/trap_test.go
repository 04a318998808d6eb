// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oneSpan decodes a document of one span with the given members.
func oneSpan(t *testing.T, members string) Span {
	t.Helper()
	trace, err := DecodeTrace(Info{ID: "tr-0af7651916cd43dd8448eb211c80319d"}, []byte(`{"spans":[{`+members+`}]}`))
	require.NoError(t, err)
	require.Len(t, trace.Spans, 1)
	return trace.Spans[0]
}

func TestIDs(t *testing.T) {
	trace := [16]byte{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9d}
	for text, want := range map[string]bool{
		"0af7651916cd43dd8448eb211c80319d": true, "0x0af7651916cd43dd8448eb211c80319d": true,
		"0xaf7651916cd43dd8448eb211c80319d": true,
		"0AF7651916CD43DD8448EB211C80319D":  true, "tr-0af7651916cd43dd8448eb211c80319d": true,
		"trace:/main.agents/0af7651916cd43dd8448eb211c80319d": true,
		"CvdlGRbNQ92ESOshHIAxnQ==":                            true, "": false, "CvdlGRbNQ92ESOshHIAxnQ": false,
		"CvdlGRbNQ92ESOshHIAxn===":           false,
		"zz":                                 false,
		"000af7651916cd43dd8448eb211c80319d": false,
	} {
		var id [16]byte
		assert.Equal(t, want, parseID(id[:], text), text)
		if want {
			assert.Equal(t, trace, id, text)
		} else {
			assert.Zero(t, id, text)
		}
	}
	span := [8]byte{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}
	for _, text := range []string{"b7ad6b7169203331", "0xb7ad6b7169203331", "t61rcWkgMzE="} {
		assert.Equal(t, span, SpanID(text), text)
	}
	assert.Equal(t, [8]byte{7: 0xab}, SpanID("0xab"))
	assert.Zero(t, SpanID(""))
	free := sha256.Sum256([]byte("my span"))
	assert.Equal(t, [8]byte(free[:8]), SpanID("my span"), "children must find their parent")
}

func TestTraceIDs(t *testing.T) {
	decode := func(id, spans string) *Trace {
		trace, err := DecodeTrace(Info{ID: id}, []byte(`{"spans":[`+spans+`]}`))
		require.NoError(t, err)
		return trace
	}
	hexOf := func(trace *Trace) string {
		for i := range trace.Spans {
			assert.Equal(t, trace.Spans[0].TraceID, trace.Spans[i].TraceID)
		}
		return fmt.Sprintf("%x", trace.Spans[0].TraceID)
	}
	const own = "0af7651916cd43dd8448eb211c80319d"
	child := `{"trace_id":"00000000000000000000000000000002","parent_span_id":"01","span_id":"02"}`
	none := `{"span_id":"01"}`
	assert.Equal(t, "00000000000000000000000000000002", hexOf(decode(own, none+","+child)),
		"any rather than the info's")
	for _, id := range []string{own, "tr-" + own, "trace:/a.b.c/" + own, "0af76519-16cd-43dd-8448-eb211c80319d"} {
		trace := decode(id, none+","+none)
		assert.Equal(t, own, hexOf(trace), id)
		assert.False(t, trace.Synthetic)
	}
	for _, id := range []string{"", "my-custom-id/ü 1", "tr-xyz", "tr-00000000000000000000000000000000", "tr-0af7"} {
		trace := decode(id, none)
		sum := sha256.Sum256([]byte(id))
		assert.Equal(t, hex.EncodeToString(sum[:16]), hexOf(trace), id)
		assert.True(t, trace.Synthetic)
	}
	trace := decode(own, `{"name":"a"},{"name":"b"}`)
	assert.NotZero(t, trace.Spans[0].ID, "a span without an id gets one")
	assert.NotEqual(t, trace.Spans[0].ID, trace.Spans[1].ID)
	assert.Equal(t, trace, decode(own, `{"name":"a"},{"name":"b"}`), "always the same")
}

func TestEventTimes(t *testing.T) {
	for name, c := range map[string]struct{ start, end, time, want int64 }{
		"microseconds": {1795237940113264919, 1795237940113479507, 1795237940113437,
			1795237940113437000},
		"nanoseconds": {1795237940113264919, 1795237940113479507, 1795237940113437123,
			1795237940113437123},
		"open span":            {1795237940113264919, 0, 1795237940113437, 1795237940113437000},
		"span without times":   {0, 0, 1795237940113437, 1795237940113437000},
		"nanoseconds of 1970":  {5_000_000, 9_000_000, 6_000_000, 6_000_000},
		"microseconds of 1970": {5_000_000_000, 9_000_000_000, 6_000_000, 6_000_000_000},
		"none":                 {1795237940113264919, 1795237940113479507, 0, 0},
		"before the epoch":     {1795237940113264919, 1795237940113479507, -5, -5},
		"too large for a microsecond": {1795237940113264919, 1795237940113479507, 99_000_000_000_000_000,
			99_000_000_000_000_000},
		"span that ends before it starts": {1795237940113264919, 1600000000000000000, 1795237940113437,
			1795237940113437000},
	} {
		trace := &Trace{Spans: []Span{{Start: c.start, End: c.end, Events: []Event{{Time: c.time}}}}}
		Finish(trace)
		assert.Equal(t, c.want, trace.Spans[0].Events[0].Time, name)
		Finish(trace)
		assert.Equal(t, c.want, trace.Spans[0].Events[0].Time, "%s: once more changes nothing", name)
	}
}

func TestOddSpans(t *testing.T) {
	s := oneSpan(t,
		`"name":null,"start_time_unix_nano":"1795237940113264919","end_time_unix_nano":null,`+
			`"status":{"code":"ERROR","message":null},"events":null,"links":null,"attributes":null`)
	assert.Equal(t, Span{TraceID: s.TraceID, ID: s.ID, Start: 1795237940113264919, Status: StatusCodeError}, s)

	s = oneSpan(t,
		`"name":5,"start_time_unix_nano":1.795e18,"end_time_unix_nano":[1],"status":"OK","attributes":"x",`+
			`"events":{"a":1},"links":[7,{"trace_id":"tr-1"}]`)
	assert.Equal(t, Span{TraceID: s.TraceID, ID: s.ID, Name: "5", Start: 1795000000000000000}, s)

	s = oneSpan(t,
		`"status":{"code":2},"events":[null,{"name":"kept","time_unix_nano":"7","attributes":{"a":1.50,"a":[1,`+
			`{"b":2}]}},3],"unknown":{"deep":[1]}`)
	require.Len(t, s.Events, 1)
	assert.Equal(t, StatusCodeError, s.Status)
	assert.Equal(t, []Attribute{{"a", []byte(`[1, {"b": 2}]`)}}, s.Events[0].Attributes)

	s = oneSpan(t, `"attributes":{"text":"plain `+
		`\"text\"","inputs":"null","none":null,"number":1.50,"list":[1,2],"huge":"1180591620717411303424",`+
		`"nan":"[NaN]","text":"{\"a\": \"\\u00e9\"}"}`)
	var got strings.Builder
	dumpAttributes(&got, "", s.Attributes)
	assert.Equal(t, "text = {\"a\": \"\\u00e9\"}\ninputs = null\nnone = null\nnumber = 1.5\nlist = [1, 2]\nhuge = "+
		"1180591620717411303424\nnan = [NaN]\n", got.String())
}

func TestLinks(t *testing.T) {
	s := oneSpan(t, `"links":[
		{"trace_id":"tr-116b1577a5c4dc5da234ce8a0e4f6b4e","span_id":"00000000000000ab","attributes":{"n":1}},
		{"trace_id":"EWsVd6XE3F2iNM6KDk9rTg==","span_id":"AAAAAAAAAKs=","attributes":[{"key":"n",`+
		`"value":{"int_value":"1"}}]},
		{"trace_id":"trace:/a.b/116b1577a5c4dc5da234ce8a0e4f6b4e","span_id":"ab","attributes":{"n":1}},
		{"trace_id":"tr-116b1577a5c4dc5da234ce8a0e4f6b4e00","span_id":"ab"},`+
		`{"trace_id":"EWsVd6XE3F2iNM6KDk9rTg==","span_id":""},{}]`)
	require.Len(t, s.Links, 3)
	assert.Equal(t, s.Links[0], s.Links[1])
	assert.Equal(t, s.Links[0], s.Links[2])
}

func TestTypedValues(t *testing.T) {
	for typed, want := range map[string]string{
		`{"string_value":"{\"a\": 1}\n"}`:      `"{\"a\": 1}\n"`,
		`{"int_value":42}`:                     `42`,
		`{"int_value":"-9223372036854775808"}`: `-9223372036854775808`,
		`{"int_value":"not one"}`:              `"not one"`,
		`{"double_value":5}`:                   `5.0`,
		`{"double_value":1e-7}`:                `1e-07`,
		`{"double_value":"NaN"}`:               `NaN`,
		`{"double_value":"-Infinity"}`:         `-Infinity`,
		`{"bool_value":false}`:                 `false`,
		`{"bytes_value":"AAE="}`:               `"AAE="`,
		`{}`:                                   `null`,
		`null`:                                 `null`,
		`7`:                                    `null`,
		`{"new_value":1}`:                      `null`,
		`{"array_value":{}}`:                   `[]`,
		`{"array_value":null}`:                 `[]`,
		`{"array_value":{"values":null}}`:      `[]`,
		`{"array_value":{"values":[{},{"int_value":1},null]}}`: `[null, 1, null]`,
		`{"kvlist_value":{}}`: `{}`,
		`{"kvlist_value":{"values":[{"key":"a"},{"value":{"int_value":1},"key":"b"},{"value":{"bool_value":true}},` +
			`{},5]}}`: `{"a": null, "b": 1, "": true, "": null}`,
		`{"kvlist_value":{"values":[{"value":{"kvlist_value":{"values":[` +
			`{"value":{"array_value":{"values":[{"string_value":"["}]}},"key":"{"}]}},` +
			`"key":"o"}]}}`: `{"o": {"{": ["["]}}`,
		`{"int_value":1,"string_value":"second"}`:                                 `1`,
		`{"array_value":{"values":[{"int_value":1}],"values":[{"int_value":2}]}}`: `[1]`,
	} {
		s := oneSpan(t, `"attributes":[{"key":"k","value":`+typed+`}]`)
		require.Len(t, s.Attributes, 1, typed)
		assert.Equal(t, want, string(s.Attributes[0].Raw), typed)
	}
	s := oneSpan(t,
		`"attributes":[{"key":"none"},{"value":{"int_value":1}},"x",{"key":"twice","value":{"int_value":1}},`+
			`{"key":"twice","value":{"int_value":2}}]`)
	var got strings.Builder
	dumpAttributes(&got, "", s.Attributes)
	assert.Equal(t, "none = null\n = 1\ntwice = 2\n", got.String())
}

func TestSkips(t *testing.T) {
	whole := `{"spans":[{"name":"secret","attributes":{"a":"secret"}}]}`
	for doc, want := range map[string]string{
		`{"spans":[]}`:            "no_spans: the document of 12 bytes holds no spans",
		`{"spans":null}`:          "no_spans: the document of 14 bytes holds no spans",
		`{"trace":{}}`:            "no_spans: the document of 12 bytes holds no spans",
		`{}`:                      "no_spans: the document of 2 bytes holds no spans",
		`[]`:                      "corrupt: the spans are not valid JSON: an object expected at byte 0",
		`<!DOCTYPE html>`:         "corrupt: the spans are not valid JSON: an object expected at byte 0",
		``:                        "corrupt: the spans are not valid JSON: an object expected at byte 0",
		`{"spans":"secret"}`:      "corrupt: the member spans is not a list",
		`{"spans":[{},"secret"]}`: "corrupt: span 2 is not an object",
		whole + "x":               "corrupt: the spans are not valid JSON: the end expected at byte 57",
	} {
		trace, err := DecodeTrace(Info{ID: "tr-1"}, []byte(doc))
		assert.Nil(t, trace)
		var skip *Skip
		require.ErrorAs(t, err, &skip)
		assert.EqualError(t, err, want)
	}
	for n := range len(whole) {
		_, err := DecodeTrace(Info{}, []byte(whole[:n]))
		var skip *Skip
		require.ErrorAs(t, err, &skip, "cut at %d", n)
		assert.Equal(t, ReasonCorrupt, skip.Reason)
		assert.NotContains(t, skip.Detail, "secret")
	}
	for _, doc := range []string{``, `[]`, `null`, `{"name":"secret`, `{}}`} {
		_, err := DecodeSpan([]byte(doc))
		var skip *Skip
		require.ErrorAs(t, err, &skip)
		assert.Equal(t, ReasonCorrupt, skip.Reason)
	}
}

// TestForeignSpans: spans that carry the id of another trace are never delivered under this one.
func TestForeignSpans(t *testing.T) {
	const own, other = "0af7651916cd43dd8448eb211c80319d", "00000000000000000000000000000002"
	span := func(id string) string { return `{"trace_id":"` + id + `","span_id":"01"}` }
	for _, tt := range []struct{ id, spans, want string }{
		{"tr-" + own, span(own) + "," + span(own), ""},
		{"tr-" + own, span(own) + "," + span(other),
			"corrupt: 1 of 2 spans carry the id of another trace (" + other + ")"},
		{"tr-" + own, span(other), "corrupt: 1 of 1 spans carry the id of another trace (" + other + ")"},
		{"trace:/a.b.c/" + own, span(other), "corrupt: 1 of 1 spans carry the id of another trace (" + other + ")"},
		{own, span(other) + "," + span(other), ""}, // an id of 2.x is no OpenTelemetry id
		{own, span(other) + "," + span(own), "corrupt: 1 of 2 spans carry the id of another trace (" + own + ")"},
		{"tr-free text", span(own), ""},
	} {
		info := Info{ID: tt.id, Metadata: []KeyValue{{MetaSchemaVersion, "3"}}}
		trace, err := DecodeTrace(info, []byte(`{"spans":[`+tt.spans+`]}`))
		if tt.want != "" {
			assert.Nil(t, trace)
			assert.EqualError(t, err, tt.want)
			continue
		}
		require.NoError(t, err)
	}
	_, err := DecodeTrace(Info{ID: "tr-" + own}, []byte(`{"spans":[`+span(other)+`]}`))
	require.NoError(t, err, "Databricks gave such ids to clients of 2.x")
}

func TestLastMemberWins(t *testing.T) {
	trace, err := DecodeTrace(Info{}, []byte(`{"spans":[{"name":"a"}],"spans":[{"name":"b","name":"c"}]}`))
	require.NoError(t, err)
	require.Len(t, trace.Spans, 1)
	assert.Equal(t, "c", trace.Spans[0].Name)
}

// TestHostileTraces: each takes a fraction of a second when time is linear, and minutes or all
// memory when it is not.
func TestHostileTraces(t *testing.T) {
	const depth, keys = 10_000, 100_000
	deep := strings.Repeat(`{"a":[`, depth) + strings.Repeat(`]}`, depth)
	typed := strings.Repeat(`{"kvlist_value":{"values":[{"value":{"array_value":{"values":[`, depth) +
		strings.Repeat(`]}},"key":"a"}]}}`, depth)
	var object, list strings.Builder
	for i := range keys {
		fmt.Fprintf(&object, `,"k%d":"%d"`, i%(keys/2), i)
		fmt.Fprintf(&list, `,{"key":"k%d","value":{"int_value":%d}}`, i%(keys/2), i)
	}
	long := strings.Repeat(`ключ \" `, 2<<20)
	for name, c := range map[string]struct {
		attributes string
		check      func([]Attribute)
	}{
		"deep": {`{"a":` + deep + `}`, func(list []Attribute) { assert.Len(t, list[0].Raw, len(deep)+depth) }},
		"deep text": {`{"a":` + strconv.Quote(deep) + `}`,
			func(list []Attribute) { assert.Equal(t, deep, string(list[0].Raw)) }},
		"deep typed": {`[{"key":"a","value":` + typed + `}]`,
			func(list []Attribute) { assert.Len(t, list[0].Raw, len(deep)+depth) }},
		"many": {`{` + object.String()[1:] + `}`, func(list []Attribute) {
			require.Len(t, list, keys/2)
			assert.Equal(t, Attribute{"k7", []byte(strconv.Itoa(keys/2 + 7))}, list[7])
		}},
		"many typed": {`[` + list.String()[1:] + `]`, func(list []Attribute) {
			require.Len(t, list, keys/2)
			assert.Equal(t, Attribute{"k7", []byte(strconv.Itoa(keys/2 + 7))}, list[7])
		}},
		"long": {`{"a":"` + long + `"}`, func(list []Attribute) { assert.Len(t, list[0].Raw, len(long)-2<<20) }},
		"long typed": {`[{"key":"a","value":{"string_value":"` + long + `"}}]`,
			func(list []Attribute) { assert.Len(t, list[0].Raw, len(long)+2) }},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			s := oneSpan(t, `"attributes":`+c.attributes+`,"events":[{"name":"e","attributes":`+c.attributes+`}]`)
			t.Logf("%v", time.Since(began))
			c.check(s.Attributes)
		})
	}
}

func TestDecodingLeavesTheDocument(t *testing.T) {
	for _, version := range versions {
		for _, name := range recorded(t, version, "trace-*.artifact.json") {
			doc := read(t, name)
			before := string(doc)
			first, err := DecodeTrace(Info{ID: "tr-1"}, doc)
			require.NoError(t, err)
			require.Equal(t, before, string(doc))
			second, err := DecodeTrace(Info{ID: "tr-1"}, doc)
			require.NoError(t, err)
			require.Equal(t, first, second)
		}
	}
}
