// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package text

import "strings"

// minBlob is the length from which on a string of nothing but base64 characters is taken for an
// embedded file.
const minBlob = 512

// isBlob reports whether a string is an embedded file and no text.
func isBlob(s []byte) bool {
	if len(s) >= 5 && string(s[:5]) == "data:" {
		head, _, _ := strings.Cut(stringOf(s[:min(len(s), 128)]), ",")
		return strings.HasSuffix(head, ";base64")
	}
	if len(s) < minBlob {
		return false
	}
	for _, c := range s {
		if !base64[c] {
			return false
		}
	}
	return hasLetters(stringOf(s))
}

// hasLetters tells a file from a line of dashes.
func hasLetters(s string) bool { return strings.Trim(s, "+/-_=") != "" }

// base64 tells the characters of base64 in both alphabets, by byte.
var base64 = func() (is [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=" {
		is[c] = true
	}
	return is
}()

// dataMark stands before the content of a data URL.
const dataMark = ";base64,"

// blobs finds the embedded files of a text one after another, in time proportional to its length.
type blobs struct {
	text string
	at   int // what is before it was read
	// where the next header of a data URL and the next run begin, len(text) for none. Those before
	// at are not the next ones any more
	mark, run int
}

func newBlobs(text string) blobs { return blobs{text: text, mark: -1, run: -1} }

// next returns the place of the next embedded file: what follows the header of a data URL, or a run
// of minBlob base64 characters or more. Text without any costs little: of every minBlob bytes a few
// are looked at.
func (b *blobs) next() (start, end int, ok bool) {
	if b.mark < b.at {
		before, _, _ := strings.Cut(b.text[b.at:], dataMark)
		b.mark = b.at + len(before)
	}
	if b.run < b.at {
		b.run = b.at + nextRun(b.text[b.at:])
	}
	switch {
	case b.mark+len(dataMark) <= b.run:
		start = b.mark + len(dataMark)
	case b.run < len(b.text):
		start = b.run
	default:
		return 0, 0, false
	}
	for end = start; end < len(b.text) && base64[b.text[end]]; end++ {
	}
	b.at = end
	return start, end, true
}

// nextRun returns the start of the next run of minBlob base64 characters, or len(text).
func nextRun(text string) int {
	for from := 0; from+minBlob <= len(text); {
		at := from + minBlob - 1
		for at >= from && base64[text[at]] {
			at--
		}
		switch {
		case at >= from:
			from = at + 1
		case hasLetters(text[from : from+minBlob]):
			return from
		default:
			for from < len(text) && base64[text[from]] {
				from++
			}
		}
	}
	return len(text)
}

// withoutMedia appends the text without its embedded files to dst, and returns how many there are.
// Without any it returns the text itself.
func withoutMedia(dst []byte, text string) (_ []byte, bare string, media int) {
	last := 0 // the end of the last one
	for b := newBlobs(text); ; media++ {
		start, end, ok := b.next()
		switch {
		case ok:
			dst = append(dst, text[last:start]...)
			last = end
		case media == 0:
			return dst, text, 0
		default:
			dst = append(dst, text[last:]...)
			return dst, stringOf(dst), media
		}
	}
}

// countMedia returns how many embedded files a text has.
func countMedia(text string) (media int) {
	for b := newBlobs(text); ; media++ {
		if _, _, ok := b.next(); !ok {
			return media
		}
	}
}
