// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"encoding/base64"
	"encoding/hex"
	"testing"
)

// Every id is read whatever its first bytes are: a base64 text may begin with what looks like a
// prefix of a hex text.
func TestParseID(t *testing.T) {
	for first := range 256 {
		for second := range 256 {
			want := [8]byte{byte(first), byte(second), 0x90, 0xb9, 0xf3, 0x33, 0xcf, 0x19}
			for _, text := range []string{base64.StdEncoding.EncodeToString(want[:]), hex.EncodeToString(want[:]),
				"0x" + hex.EncodeToString(want[:])} {
				var got [8]byte
				if !parseID(got[:], text) || got != want {
					t.Fatalf("%s: got %x, want %x", text, got, want)
				}
			}
		}
	}
	want := [16]byte{0xd3, 0x12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
	digits := hex.EncodeToString(want[:])
	for _, text := range []string{base64.StdEncoding.EncodeToString(want[:]), digits, "0x" + digits, "tr-" + digits,
		"trace:/catalog.schema/" + digits} {
		var got [16]byte
		if !parseID(got[:], text) || got != want {
			t.Errorf("%s: got %x, want %x", text, got, want)
		}
	}
}
