// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package encodings

import (
	"fmt"
	"path"
	"strings"
	"sync"
	"unsafe"

	"github.com/pkoukk/tiktoken-go"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/tokens"
)

// Engine is what counts.
type Engine string

// The engines.
const (
	EngineNative     Engine = "native"      // internal/tokens
	EngineTiktokenGo Engine = "tiktoken_go" // github.com/pkoukk/tiktoken-go over the same vocabularies
)

// counter returns what counts in the encoding of that name.
func (e Engine) counter(encoding string) (func(text string) int, error) {
	native, err := tokens.For(encoding)
	if err != nil {
		return nil, err
	}
	switch e {
	case EngineNative:
		return native.Count, nil
	case EngineTiktokenGo:
		if other, ok := aliases[encoding]; ok {
			encoding = other
		}
		load := sync.OnceValues(func() (*tiktoken.Tiktoken, error) { return loadTiktoken(encoding) })
		return func(text string) int {
			other, err := load()
			if err != nil || !isManageable(text) {
				return native.Count(text)
			}
			return len(other.EncodeOrdinary(text))
		}, nil
	}
	return nil, fmt.Errorf("unknown engine %q", e)
}

// aliases are the encodings that tiktoken-go doesn't know, with one that counts the same.
var aliases = map[string]string{"o200k_harmony": "o200k_base", "gpt2": "r50k_base"}

// loading lets one vocabulary be loaded at a time: tiktoken-go's loader is a variable of its
// package.
var loading sync.Mutex

func loadTiktoken(encoding string) (*tiktoken.Tiktoken, error) {
	loading.Lock()
	defer loading.Unlock()
	tiktoken.SetBpeLoader(embedded{})
	return tiktoken.GetEncoding(encoding)
}

// embedded gives tiktoken-go the vocabularies that are built in here. It asks for them by the
// address of a file.
type embedded struct{}

// LoadTiktokenBpe implements tiktoken.BpeLoader.
func (embedded) LoadTiktokenBpe(address string) (map[string]int, error) {
	e, err := tokens.For(strings.TrimSuffix(path.Base(address), ".tiktoken"))
	if err != nil {
		return nil, err
	}
	return e.Ranks(), nil
}

// tiktoken-go needs time in proportion to the square of the length of a piece, and a piece is at
// most a run of one class of characters.
const (
	maxRun  = 4096
	maxSize = 1 << 20
)

// isManageable reports whether tiktoken-go counts text in reasonable time and memory: it isn't
// large and has no very long run without ASCII space, digit or change between letters and other
// characters.
func isManageable(text string) bool {
	if len(text) > maxSize {
		return false
	}
	run, last := 0, byte(0)
	for _, c := range unsafe.Slice(unsafe.StringData(text), len(text)) {
		class := byte(3)
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= 0x80:
			class = 1
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f':
			class = 2
		case c >= '0' && c <= '9':
			class = 4
		}
		if class != last {
			run, last = 0, class
		}
		if run++; run > maxRun {
			return false
		}
	}
	return true
}
