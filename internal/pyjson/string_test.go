// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// stringsOf reads a text and returns its keys and strings.
func stringsOf(s *Scanner) (list []string, err error) {
	var value func()
	value = func() {
		switch k := s.Kind(); k {
		case KindString:
			list = append(list, s.Str())
		case KindObject:
			for s.Open(k); s.NextMember(); value() {
				list = append(list, s.KeyString())
			}
		case KindArray:
			for s.Open(k); s.NextElement(); {
				value()
			}
		default:
			s.Skip()
		}
	}
	value()
	s.End()
	return list, s.Err()
}

// FuzzStrings reads strings in all ways that there are: in one pass, in one pass from a text that
// is gone afterwards, and in two passes, as in a large text.
func FuzzStrings(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for text := range invalid {
		f.Add([]byte(text))
	}
	f.Add([]byte(
		`["plain","1234567\"901234567\\90\u00e9","\ud83d\ude00\ud83d","Zürich","\n\n\n\n\n\n\n\nZürich – 12 €\t"]`))
	f.Add([]byte(
		"[\"\xff\xff\",\"a\\n\xff\",\"\xff\\n\",\"\xed\xa0\x80\\u0041\"," +
			"{\"k\\ney\xff\":\"\\\"\",\"\xc3\":\"\xe2\x82\"}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := NewScanner(text)
		want, wantErr := stringsOf(&s)
		for _, v := range want {
			require.True(t, utf8.ValidString(v))
		}

		own := bytes.Clone(text)
		s = NewCopyingScanner(own)
		got, err := stringsOf(&s)
		for i := range own {
			own[i] = 0xFF
		}
		require.Equal(t, want, got)
		require.Equal(t, wantErr, err)

		s = NewScanner(append(bytes.Clone(text), strings.Repeat(" ", arenaBlock+1)...))
		got, err = stringsOf(&s)
		require.Equal(t, wantErr == nil, err == nil)
		if err == nil {
			require.Equal(t, want, got)
		}
	})
}

// TestMemoryOfStrings holds that memory grows with the text, whatever is in its strings: what
// becomes longer when it is decoded must not make the room for the rest of the text be made again
// and again.
func TestMemoryOfStrings(t *testing.T) {
	const size = 1 << 20
	for name, element := range map[string]string{
		"plain": `"ab",`, "escapes": `"a\n",`, "invalid": "\"\xff\xff\",",
		"invalid and escapes": "\"\xff\xff\",\"\\n\",",
		"empty":               `"",`, "pairs": `"\ud83d\ude00",`, "keys": "{\"\\n\xff\xff\":\"\\n\"},",
	} {
		text := []byte("[" + strings.Repeat(element, size/len(element)) + "0]")
		for _, end := range []int{len(text), 20_000} { // the second is not well-formed
			for _, newScanner := range []func([]byte) Scanner{NewScanner, NewCopyingScanner} {
				s := newScanner(text[:end])
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for s.Open(KindArray); s.NextElement(); {
					switch s.Kind() {
					case KindObject:
						for s.Open(KindObject); s.NextMember(); s.Str() {
							s.Key()
						}
					case KindString:
						s.Str()
					default:
						s.Skip()
					}
				}
				runtime.ReadMemStats(&after)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(12*end+4*arenaBlock),
					"%s, %d bytes", name, end)
			}
		}
	}
}

func TestValidUTF8(t *testing.T) {
	third := []byte{0, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC0, 0xFF}
	for a := range 256 {
		for b := range 256 {
			for _, c := range third {
				for _, text := range [][]byte{
					{byte(a)}, {byte(a), byte(b)}, {byte(a), byte(b), c}, {byte(a), byte(b), c, 0x80},
					{byte(a), byte(b), c, 'x'},
					{'1', '2', '3', '4', '5', '6', byte(a), byte(b), c, 0x80, 'x', 'y', 'z'},
				} {
					if validUTF8(text) != utf8.Valid(text) {
						t.Fatalf("%x", text)
					}
				}
			}
		}
	}
	require.Equal(t, "Zürich", ValidString("Zürich"))
	require.Equal(t, "a\ufffd\ufffdb", ValidString("a\xff\xc3b"))
}
