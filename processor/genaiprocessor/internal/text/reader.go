// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"bytes"
	"strings"
	"unicode/utf8"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
)

// Mode says which text of a value is meant.
type Mode string

// The modes.
const (
	ModeRaw  Mode = "raw"
	ModeText Mode = "text"
)

// Media says what happens to images and other files that a text holds in base64.
type Media string

// The ways.
const (
	MediaCount Media = "count" // they are text, as in the JSON text of the span
	MediaSkip  Media = "skip"  // they are left out
)

// Text is the text of one side of a span. It points into the span or the reader, and is valid until
// the reader's next use.
type Text struct {
	Text      string // empty if it is empty or not there
	Found     bool   // false: the span has no such text; an empty text was found
	Truncated bool   // a preview that was cut, or more than the reader's limit
	Messages  int    // number of messages that were told apart
	Names     int    // of those, the ones with the name of who speaks
	Media     int    // in Raw mode: number of base64 files in the text, or that were left out of it
}

// Reader reads texts of up to Limit bytes. It may be used by one goroutine at a time.
type Reader struct {
	Limit int   // in bytes
	Media Media // in texts of Raw mode; in Text mode there is none

	json, out, bare []byte
	human           human
	parts           []part
}

// maxKept is the size above which a buffer is given back instead of kept for the next text.
const maxKept = 1 << 20

// Release gives back memory that only unusual texts need.
func (r *Reader) Release() {
	if cap(r.json) > maxKept {
		r.json = nil
	}
	if cap(r.out) > maxKept {
		r.out = nil
	}
	if cap(r.bare) > maxKept {
		r.bare = nil
	}
	if cap(r.parts) > 1024 {
		r.parts = nil
	}
	clear(r.parts[:cap(r.parts)])
	if r.human.reset(nil); cap(r.human.open) > 1024 {
		r.human.open = nil
	}
	clear(r.human.open[:cap(r.human.open)])
	if cap(r.human.large) > 1024 {
		r.human.large = nil
	}
}

// keys are the attributes of the sources that JSONAttributes may list.
var keys = [2][genai.SourceMessages + 1]string{{genai.SpanInputs, "gen_ai.input.messages"},
	{genai.SpanOutputs, "gen_ai.output.messages"}}

// Of returns the text of one side of s.
func (r *Reader) Of(s *spans.Span, d spans.Direction, mode Mode) Text {
	t := &s.Texts[d]
	var found Text
	switch {
	case t.Has[genai.SourceMLflow]:
		v := t.Value[genai.SourceMLflow]
		form := guessed
		if s.Payloads != "" {
			if form = literal; s.Lists(keys[d][genai.SourceMLflow]) {
				form = listed
			}
		}
		found = r.value(v, form, mode)
	case t.Has[genai.SourceMessages]:
		if d == spans.DirectionRequest && s.HasSystem {
			found = r.withSystem(s, mode)
		} else {
			found = r.value(t.Value[genai.SourceMessages], guessed, mode)
		}
	case t.Has[genai.SourceCall]:
		found = r.value(t.Value[genai.SourceCall], guessed, ModeRaw) // arguments are JSON for the model too
		if mode == ModeText {
			r.bare, found.Text, _ = withoutMedia(r.bare[:0], found.Text)
		}
	case t.Has[genai.SourceOpenInference]:
		found = r.flat(&openInference, s, d, mode)
	case t.Has[genai.SourceOpenLLMetry]:
		found = r.flat(&openLLMetry, s, d, mode)
	case t.Has[genai.SourceOldOpenLLMetry]:
		found = r.flat(&oldOpenLLMetry, s, d, mode)
	case t.Has[genai.SourceValue]:
		found = r.value(t.Value[genai.SourceValue], literal, mode)
	case t.Has[genai.SourceEvents]:
		found = r.events(s, d, mode)
	case t.Has[genai.SourcePreview]:
		found = Text{Text: t.Value[genai.SourcePreview].AsString(), Found: true}
		found.Truncated = isCut(found.Text)
	default:
		return Text{}
	}
	return r.media(r.bounded(found), mode)
}

// OfValue returns the text of a value that has no place in a span.
func (r *Reader) OfValue(v pcommon.Value, mode Mode) Text {
	return r.media(r.bounded(r.value(v, literal, mode)), mode)
}

// media counts embedded files, and leaves them out if they are not to be counted as text. In Text
// mode there is none.
func (r *Reader) media(t Text, mode Mode) Text {
	switch {
	case mode == ModeText:
	case r.Media == MediaSkip:
		r.bare, t.Text, t.Media = withoutMedia(r.bare[:0], t.Text)
	default:
		t.Media = countMedia(t.Text)
	}
	return t
}

// isCut reports whether MLflow cut a preview: at 1,000 characters, or at 10,000 on Databricks.
func isCut(preview string) bool {
	if !strings.HasSuffix(preview, "...") {
		return false
	}
	n := utf8.RuneCountInString(preview)
	return n == 1000 || n == 10_000
}

// bounded cuts a text that is longer than the limit at the start of a character.
func (r *Reader) bounded(t Text) Text {
	if len(t.Text) <= r.Limit {
		return t
	}
	end := r.Limit
	for end > 0 && end > r.Limit-utf8.UTFMax && !utf8.RuneStart(t.Text[end]) {
		end--
	}
	t.Text, t.Truncated = t.Text[:end], true
	return t
}

// form says what a string stands for.
type form uint8

const (
	literal form = iota // itself
	listed              // the attribute holds JSON text, whole or, in a container, somewhere inside
	guessed             // JSON text if it is a JSON object, list or string, else itself
)

// value returns the text of a value.
func (r *Reader) value(v pcommon.Value, f form, mode Mode) Text {
	if v.Type() != pcommon.ValueTypeStr {
		var whole bool
		if f == listed {
			r.json, whole = genai.ListedValueText(r.json[:0], v, r.Limit)
		} else {
			r.json, whole = genai.ValueTextUpTo(r.json[:0], v, r.Limit)
		}
		t := Text{Text: stringOf(r.json), Found: true, Truncated: !whole}
		if mode == ModeText && whole {
			return r.readable(r.json)
		}
		return t
	}
	s := v.Str()
	if f != literal && len(s) <= r.Limit && (f == listed || looksLikeJSON(s)) {
		switch text, kind := r.canonical(s); {
		case kind == pyjson.KindString:
			s = stringOf(text)
		case kind != pyjson.KindInvalid && mode == ModeText:
			return r.readable(text)
		case kind != pyjson.KindInvalid:
			return Text{Text: stringOf(text), Found: true}
		}
	}
	if mode == ModeText && len(s) <= r.Limit && looksLikeJSON(s) && isJSON(s) {
		return r.readable(bytesOf(s))
	}
	return Text{Text: s, Found: true}
}

// canonical returns JSON text as Python spells it, or the string that it is, and what it is:
// Invalid if it is no JSON.
func (r *Reader) canonical(s string) ([]byte, pyjson.Kind) {
	scan := pyjson.NewScanner(bytesOf(s))
	kind := scan.Kind()
	if kind == pyjson.KindString {
		inner := scan.Bytes()
		if scan.End(); scan.Err() != nil {
			kind = pyjson.KindInvalid
		}
		return inner, kind
	}
	text, err := pyjson.AppendCanonical(r.json[:0], bytesOf(s), false)
	if r.json = text; err != nil {
		kind = pyjson.KindInvalid
	}
	return text, kind
}

// looksLikeJSON reports whether s begins as a JSON object, list or string.
func looksLikeJSON(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n")
	return s != "" && (s[0] == '{' || s[0] == '[' || s[0] == '"')
}

func isJSON(s string) bool {
	scan := pyjson.NewScanner(bytesOf(s))
	scan.Skip()
	scan.End()
	return scan.Err() == nil
}

// withSystem returns the system instructions followed by the messages.
func (r *Reader) withSystem(s *spans.Span, mode Mode) Text {
	system := r.value(s.System, guessed, mode)
	first := bytes.Clone(bytesOf(system.Text))
	t := r.value(s.Texts[spans.DirectionRequest].Value[genai.SourceMessages], guessed, mode)
	first = append(first, '\n')
	first = append(first, t.Text...)
	t.Text = stringOf(first)
	t.Truncated = t.Truncated || system.Truncated
	t.Messages += max(system.Messages, 1)
	return t
}

// readable returns what people and models read of valid JSON text.
func (r *Reader) readable(text []byte) Text {
	r.human.reset(r.out[:0])
	r.human.document(text)
	r.out = r.human.dst
	return Text{Text: stringOf(r.out), Found: true, Messages: r.human.messages, Names: r.human.names}
}

// Texts aren't written to as long as a Text points to them.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
func bytesOf(s string) []byte  { return unsafe.Slice(unsafe.StringData(s), len(s)) }
