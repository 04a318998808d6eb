// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestArchiveEqualsArtifact compares traces that MLflow wrote into an archive with the same ones by the
// artifact route.
func TestArchiveEqualsArtifact(t *testing.T) {
	const version = "3.17.2"
	names := recorded(t, version, "trace-*.archive.pb")
	require.Len(t, names, 13)
	for _, name := range names {
		t.Run(label(name), func(t *testing.T) {
			info := infoOf(t, version, label(name))
			want, err := DecodeTrace(info, read(t, filepath.Join("testdata", version,
				"trace-"+label(name)+".artifact.json")))
			require.NoError(t, err)
			doc := read(t, name)
			got, err := DecodeArchive(info, doc)
			require.NoError(t, err)
			assert.Equal(t, canonical(t, want.Spans), canonical(t, got.Spans))
			assert.Equal(t, len(doc), got.Size)
			assert.False(t, got.Synthetic)
		})
	}
}

// message is a protobuf message that is written by hand.
type message []byte

func (m message) bytes(n protowire.Number, v []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), v)
}

func (m message) text(n protowire.Number, v string) message { return m.bytes(n, []byte(v)) }

func (m message) varint(n protowire.Number, v uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), v)
}

func (m message) fixed64(n protowire.Number, v uint64) message {
	return protowire.AppendFixed64(protowire.AppendTag(m, n, protowire.Fixed64Type), v)
}

var (
	archiveTraceID = []byte("0123456789abcdef")
	archiveInfo    = Info{ID: "free text"}
)

// archiveOf is an archive of spans.
func archiveOf(spans ...message) []byte {
	scope := message{}.text(3, "schema")
	for _, s := range spans {
		scope = scope.bytes(2, s)
	}
	return message{}.bytes(1, message{}.bytes(1, message{}.text(9, "a resource")).bytes(2, scope))
}

func spanOf(id string) message { return message{}.bytes(1, archiveTraceID).text(2, id).text(5, "n") }

func attributeOf(value message) message { return message{}.text(1, "k").bytes(2, value) }

func TestArchiveValues(t *testing.T) {
	double := func(f float64) message { return message{}.fixed64(4, math.Float64bits(f)) }
	list := func(values ...message) message {
		var inner message
		for _, v := range values {
			inner = inner.bytes(1, v)
		}
		return message{}.bytes(5, inner)
	}
	for text, value := range map[string]message{
		`null`: {}, `""`: message{}.text(1, ""), `"é\n\""`: message{}.text(1, "é\n\""),
		`"` + "\uFFFD" + `"`: message{}.text(1, "\xff"),
		`true`:               message{}.varint(2, 1), `false`: message{}.varint(2, 0),
		`9007199254740993`: message{}.varint(3, 9007199254740993), `-1`: message{}.varint(3, math.MaxUint64),
		`1.0`: double(1), `NaN`: double(math.NaN()), `-Infinity`: double(math.Inf(-1)), `1e+16`: double(1e16),
		`[]`: list(), `[null, [true]]`: list(message{}, list(message{}.varint(2, 1))), `{}`: message{}.bytes(6, nil),
		`{"k": "v", "": null}`: message{}.bytes(6,
			message{}.bytes(1, attributeOf(message{}.text(1, "v"))).bytes(1, nil)),
		`"AAEC"`:    message{}.bytes(7, []byte{0, 1, 2}),
		`"last"`:    message{}.varint(3, 1).text(1, "last"),
		`"unknown"`: message{}.text(1, "unknown").text(9, "from the future").varint(20, 3),
	} {
		trace, err := DecodeArchive(archiveInfo, archiveOf(spanOf("8 bytes.").bytes(9, attributeOf(value))))
		require.NoError(t, err, text)
		require.Equal(t, []Attribute{{"k", []byte(text)}}, trace.Spans[0].Attributes)
	}
}

func TestArchiveOrderAndOddities(t *testing.T) {
	child := func(id string, start uint64) message { return spanOf(id).text(4, "the root").fixed64(7, start) }
	link := message{}.bytes(1, archiveTraceID)
	trace, err := DecodeArchive(archiveInfo, archiveOf(
		child("child  3", 30), child("child  2", 20), child("child  1", 20),
		spanOf("the root").fixed64(7, 99).fixed64(8, 100).
			bytes(9, attributeOf(message{}.varint(2, 0))).bytes(9, attributeOf(message{}.varint(2, 1))).
			bytes(13, link).bytes(13, link.text(2, "too wide for an id")).bytes(13, link.text(2, "a linked")).
			bytes(15, message{}.text(2, "boom").varint(3, 2)),
	))
	require.NoError(t, err)
	var ids []string
	for _, s := range trace.Spans {
		ids = append(ids, string(s.ID[:]))
	}
	require.Equal(t, []string{"the root", "child  1", "child  2", "child  3"}, ids)
	root := trace.Spans[0]
	require.Equal(t, []Attribute{{"k", []byte("true")}}, root.Attributes, "the last value of a key")
	require.Len(t, root.Links, 1, "links without ids are dropped")
	require.Equal(t, StatusCodeError, root.Status)
	require.Equal(t, "boom", root.Message)
	require.EqualValues(t, 100, root.End)
	require.Equal(t, [16]byte(archiveTraceID), root.TraceID)
}

func TestArchiveRefused(t *testing.T) {
	deep := message{}
	for range archiveDepth {
		deep = message{}.bytes(5, message{}.bytes(1, deep))
	}
	many := message{}
	for range 1 << 20 {
		many = many.bytes(2, nil)
	}
	for name, tc := range map[string]struct {
		doc    []byte
		reason Reason
		detail string
	}{
		"empty":      {nil, ReasonNoSpans, "holds no spans"},
		"no spans":   {archiveOf(), ReasonNoSpans, "holds no spans"},
		"JSON":       {[]byte(`{"spans": ["secret"]}`), ReasonCorrupt, "can't be read"},
		"cut":        {archiveOf(spanOf("8 bytes."))[:40], ReasonCorrupt, "can't be read"},
		"wrong type": {message{}.varint(1, 1), ReasonCorrupt, "another type"},
		"deep":       {archiveOf(spanOf("8 bytes.").bytes(9, attributeOf(deep))), ReasonCorrupt, "too deeply"},
		"many":       {message{}.bytes(1, message{}.bytes(2, many)), ReasonCorrupt, "more elements"},
		"foreign": {archiveOf(spanOf("8 bytes."), message{}.text(1, "another trace id").text(2, "12345678")),
			ReasonCorrupt, "id of another trace"},
	} {
		t.Run(name, func(t *testing.T) {
			trace, err := DecodeArchive(archiveInfo, tc.doc)
			require.Nil(t, trace)
			var skip *Skip
			require.ErrorAs(t, err, &skip)
			require.Equal(t, tc.reason, skip.Reason)
			require.Contains(t, skip.Detail, tc.detail)
			require.NotContains(t, skip.Detail, "secret")
		})
	}
}

func FuzzDecodeArchive(f *testing.F) {
	seed(f, "trace-*.archive.pb")
	f.Fuzz(func(t *testing.T, doc []byte) {
		before := string(doc)
		trace, err := DecodeArchive(Info{ID: "tr-1"}, doc)
		require.Equal(t, before, string(doc))
		checkTrace(t, trace, err, doc)
	})
}
