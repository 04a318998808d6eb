// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	loader "github.com/pkoukk/tiktoken-go-loader"
)

// published names the vocabulary files and the SHA-256 that tiktoken's openai_public.py expects of
// them. r50k_base is not packed: it equals p50k_base without the last 24 tokens, which
// TestVocabularyChecksums of package tokens proves.
var published = []struct{ name, sha256 string }{
	{"p50k", "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"},
	{"cl100k", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"},
	{"o200k", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"},
}

// packVocabulary writes a vocabulary as its merges: the 256 single bytes in rank order, then for
// every further token the positions (20 bits each, little endian, 5 bytes per token) of the two
// tokens it is merged from. The bytes of a token follow from that by recursion. Four trailing zero
// bytes let the reader load eight bytes at the last entry.
func packVocabulary(v struct{ name, sha256 string }) ([]byte, error) {
	ranks, err := loader.NewOfflineLoader().LoadTiktokenBpe(v.name + "_base.tiktoken")
	if err != nil {
		return nil, err
	}
	byRank := make([]string, 0, len(ranks)+1)
	for token, rank := range ranks {
		for rank >= len(byRank) {
			byRank = append(byRank, "")
		}
		byRank[rank] = token
	}
	h := sha256.New()
	order := make(map[string]uint64, len(ranks))
	tokens := make([]string, 0, len(ranks))
	for rank, token := range byRank {
		if token == "" {
			continue // p50k_base leaves out 50256, its special token
		}
		fmt.Fprintf(h, "%s %d\n", base64.StdEncoding.EncodeToString([]byte(token)), rank)
		order[token] = uint64(len(tokens))
		tokens = append(tokens, token)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != v.sha256 {
		return nil, fmt.Errorf("SHA-256 is %s, published is %s", got, v.sha256)
	}
	var out []byte
	for i, token := range tokens {
		if i < 256 {
			if len(token) != 1 {
				return nil, fmt.Errorf("token %d is not a single byte", i)
			}
			out = append(out, token[0])
			continue
		}
		left, right, err := lastMerge(token, order)
		if err != nil {
			return nil, fmt.Errorf("token %q: %w", token, err)
		}
		for bits, n := left|right<<20, 0; n < 5; n++ {
			out = append(out, byte(bits))
			bits >>= 8
		}
	}
	return append(out, 0, 0, 0, 0), nil
}

// lastMerge runs byte-pair encoding over the token's own bytes and returns the last two parts,
// which become the token.
func lastMerge(token string, order map[string]uint64) (left, right uint64, err error) {
	parts := make([]string, len(token))
	for i := range parts {
		parts[i] = token[i : i+1]
	}
	for len(parts) > 2 {
		best, at := uint64(math.MaxUint64), -1
		for i := range len(parts) - 1 {
			if rank, ok := order[parts[i]+parts[i+1]]; ok && rank < best {
				best, at = rank, i
			}
		}
		if at < 0 || best >= order[token] {
			return 0, 0, errors.New("its bytes don't merge back to it")
		}
		parts[at] += parts[at+1]
		parts = append(parts[:at+1], parts[at+2:]...)
	}
	return order[parts[0]], order[parts[1]], nil
}
