// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// read reads a text as a decoder does: members of the outer object, elements of lists in it, each as a
// whole. What is in "skipped" is skipped.
func read(s *Stream) (values []string) {
	s.Open(KindObject)
	for s.NextMember() {
		key := string(s.Key())
		switch {
		case key == "skipped":
			s.Skip()
		case s.Kind() == KindArray:
			s.Open(KindArray)
			for s.NextElement() {
				text := s.Value()
				inner := NewScanner(text)
				inner.Skip()
				inner.End()
				s.Fail(inner.Err())
				values = append(values, string(text))
			}
		default:
			values = append(values, key+"="+string(s.Own()))
		}
	}
	s.End()
	return values
}

var long = strings.Repeat(`x\"\u00e4`, 3*largestBlock/8)

var streamed = []string{
	`{}`, `{"a": 1, "list": [1, "two", {"three": [3]}, [], null, true, -1e9], "skipped": {"a": [1, {"b": "\\\""}]}}`,
	`{"list": ["` + long + `", 1, "` + long + `"], "a": "` + long + `"}`,
	`{"skipped": ["` + long + `", {"a": [[["x"]]]}], "b": NaN}  `,
	``, `[`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"list":[1,]}`, `{"list":[1 2]}`,
	`{"list":["a`, `{"list":["\`,
	`{"list":[{"a":]}]}`, `{"list":[{]}]}`, `{"skipped":{"a":1 "b":2}}`, `{"skipped":[1,tru]}`, `{} x`, `{"a":1}}`,
	"{\"a\":\"\x01\"}", "{\"list\":[\x00]}", `{"list":[}`, `{"skipped":}`,
	`{"skipped":"\q"}`, `{"skipped":["\u00e"]}`, `{"skipped":["\u00g0"]}`, `{"skipped":["\u00`,
}

// However a text comes, the values and the error are those of the text at hand.
func TestStreamInPieces(t *testing.T) {
	for _, text := range streamed {
		name := text[:min(len(text), 40)]
		whole := NewStreamOf([]byte(text))
		want := read(whole)
		for way, pieces := range map[string]func(io.Reader) io.Reader{"one": iotest.OneByteReader,
			"half": iotest.HalfReader, "end": iotest.DataErrReader} {
			s := NewStream(pieces(strings.NewReader(text)))
			assert.Equal(t, want, read(s), "%s %s", way, name)
			assert.Equal(t, whole.Err(), s.Err(), "%s %s", way, name)
			assert.Equal(t, whole.Cut(), s.Cut(), "%s %s", way, name)
			if s.Err() == nil {
				assert.EqualValues(t, len(text), s.Offset(), name)
			}
		}
	}
}

// An error in a value has the offset in the whole text.
func TestStreamOffset(t *testing.T) {
	s := NewStream(strings.NewReader(`{"list": [1,  {"a" 1}]}`))
	read(s)
	require.Equal(t, &SyntaxError{Expected: "':'", Offset: 19}, s.Err())
}

// The beginning of a text is known as one that was cut, wherever that was, and an error of the reader
// is that of the stream.
func TestStreamCut(t *testing.T) {
	const text = `{"a": 1, "list": [1, "two\"", {"three": [3]}], "skipped": {"a": [1, "b"]}}`
	for n := range len(text) {
		s := NewStream(strings.NewReader(text[:n]))
		read(s)
		require.Error(t, s.Err(), text[:n])
		require.True(t, s.Cut(), text[:n])

		gone := errors.New("gone")
		s = NewStream(io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(gone)))
		read(s)
		require.ErrorIs(t, s.Err(), gone)
		require.False(t, s.Cut())
	}
	for _, wrong := range []string{`{"a":1}x`, `{"a" 1}`, `[1]`} {
		s := NewStream(strings.NewReader(wrong))
		read(s)
		require.Error(t, s.Err())
		require.False(t, s.Cut(), wrong)
	}
}

// What is skipped is not held, and what is kept has to be in proportion to the text.
func TestStreamHoldsLittle(t *testing.T) {
	space := io.LimitReader(repeat(' '), 1<<25)
	s := NewStream(io.MultiReader(strings.NewReader(`{"skipped":["`), io.LimitReader(repeat('x'), 1<<25),
		strings.NewReader(`"`), space, strings.NewReader(`]}`)))
	read(s)
	require.NoError(t, s.Err())
	require.EqualValues(t, 2<<25+16, s.Offset())
	require.LessOrEqual(t, cap(s.text), largestBlock)

	s = NewStreamOf([]byte(`[` + strings.Repeat(`{},`, 1<<20) + `{}]`))
	s.Open(KindArray)
	n := 0
	for ; s.NextElement(); n++ {
		s.Skip()
		s.Spend(200)
	}
	require.Error(t, s.Err())
	require.Less(t, n, 1<<14)
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// FuzzStream compares a stream, in small pieces, with a Scanner.
func FuzzStream(f *testing.F) {
	for _, text := range streamed {
		if len(text) < 1000 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		scanner := NewScanner(text)
		scanner.Open(KindObject)
		for scanner.NextMember() {
			scanner.KeyString()
			scanner.Skip()
		}
		scanner.End()
		s := NewStream(iotest.OneByteReader(bytes.NewReader(text)))
		s.Open(KindObject)
		for s.NextMember() {
			s.Key()
			s.Skip()
		}
		s.End()
		require.Equal(t, scanner.Err() == nil, s.Err() == nil, "%v, %v", scanner.Err(), s.Err())
	})
}
