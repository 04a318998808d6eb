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

// nextBlob returns the place of the next embedded file in a text: what follows the header of a data
// URL, or a run of minBlob base64 characters or more. Text without any costs little: of every
// minBlob bytes a few are looked at.
func nextBlob(text string) (start, end int, ok bool) {
	start, ok = nextRun(text)
	if mark := strings.Index(text, dataMark); mark >= 0 && (!ok || mark+len(dataMark) <= start) {
		start, ok = mark+len(dataMark), true
	}
	if !ok {
		return 0, 0, false
	}
	for end = start; end < len(text) && base64[text[end]]; end++ {
	}
	return start, end, true
}

// nextRun returns the start of the next run of minBlob base64 characters.
func nextRun(text string) (start int, ok bool) {
	for from := 0; from+minBlob <= len(text); {
		at := from + minBlob - 1
		for at >= from && base64[text[at]] {
			at--
		}
		switch {
		case at >= from:
			from = at + 1
		case hasLetters(text[from : from+minBlob]):
			return from, true
		default:
			for from < len(text) && base64[text[from]] {
				from++
			}
		}
	}
	return 0, false
}

// withoutMedia appends the text without its embedded files to dst, and returns how many there are.
// Without any it returns the text itself.
func withoutMedia(dst []byte, text string) (_ []byte, bare string, media int) {
	bare = text
	for rest := text; ; media++ {
		start, end, ok := nextBlob(rest)
		if !ok {
			if media > 0 {
				dst = append(dst, rest...)
				bare = stringOf(dst)
			}
			return dst, bare, media
		}
		dst = append(dst, rest[:start]...)
		rest = rest[end:]
	}
}

// countMedia returns how many embedded files a text has.
func countMedia(text string) (media int) {
	for {
		_, end, ok := nextBlob(text)
		if !ok {
			return media
		}
		text = text[end:]
		media++
	}
}
