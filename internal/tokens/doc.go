// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package tokens counts the tokens of a text exactly as OpenAI's tiktoken does, without network,
// without allocation and in time proportional to the text, whatever the text is.
//
// # What is computed
//
// A pattern, one regular expression per encoding, splits the text into pieces. Byte-pair encoding
// (BPE) turns each piece into tokens: it starts from the bytes and, as long as two neighbors
// together are in the vocabulary, merges the pair with the lowest rank, the leftmost among equals.
// The count is the number of tokens of all pieces. The same pattern and vocabulary give the same
// count, so what follows changes how long it takes, never what comes out.
//
// A token is known by its id, its position in rank order. Every token but the 256 bytes is one
// merge of two tokens, its parts, and has a higher id than both; encoding its own bytes gives the
// token.
//
// # How it is computed
//
//   - Pieces are found by hand-written scanners (scan.go), ASCII 64 bytes at a time by bit masks
//     (block.go).
//   - Most pieces are tokens: they are found in tables of exact keys, many pieces at once
//     (batch.go, table.go).
//   - The others are mostly in memos of fixed size, which hold the whole piece beside the count
//     (memo.go).
//   - What is in no memo is merged: up to 32 pieces side by side (lanes.go), from symbols, which
//     are bytes or whole characters (chars.go).
//   - Longer pieces are encoded window by window, in linear time (split.go, where the reason is
//     given).
//
// # Why a character may start merged
//
// Let c be a character of a piece whose bytes are a token, also called c. Let b be the byte before
// it and a the byte after it, if there are such bytes. Encoding of the piece may start from c in
// place of its bytes if no token with a lower id than c
//
//	(1) ends in b followed by a beginning of c, or
//	(2) begins with an end of c followed by a,
//
// where a beginning or an end is at least one byte and not all of c.
//
// Proof. Consider the first merge that joins bytes of c with bytes beside it, and suppose that c
// was not complete before. Until then all merges that touched c were inside it, so they were those
// of encoding c alone, in that order. That encoding gives c by merges into parts of c and c itself,
// all of them with ids of at most c, and the next of them is still to come. But the merge
// considered makes a token as in (1) or (2), which is not c and does not come before c, so its id
// is higher than that of the merge still to come: BPE would have done that one first. So c is
// complete before anything joins it.
//
// Now run BPE from c complete, and beside it from the bytes. Leave the merges inside c out of the
// second run. What remains are the same merges in the same order: the only pairs that the first run
// has earlier are those of whole c with a neighbor. What these make has c as a part, hence a
// higher id than c, so when the first run comes to choose one, all merges inside c have been chosen
// in the second. Both end with the same tokens.
//
// The argument uses nothing but the bytes beside c, which stay the same when other characters start
// merged. So it holds for all characters of a piece together, and where (1) or (2) fails for one,
// that one alone starts as its bytes. At the end of a piece, or of a window of one, there is no
// byte beside c, and nothing to fail.
//
// chars.go decides (1) and (2) in advance for every character of two or three bytes and every byte
// beside it: a few hundred tokens in a vocabulary are of that kind and rank low enough, so most
// characters start merged. TestGuardsFollowTheRule compares the tables with the rule as it is
// written here, TestCharactersAgreeWithDefinition and TestScriptsAgreeWithDefinition the counts
// with BPE as it is defined.
package tokens
