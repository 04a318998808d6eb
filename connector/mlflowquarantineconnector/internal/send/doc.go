// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package send delivers batches of traces and finds out which traces a destination refuses for good.
//
// A batch that is refused is divided (refusal.Division) until single traces are refused, and those wait in a quarantine
// of their batch (refusal.Quarantine). A trace is refused for good
//
//   - when it was refused twice, RejectAfter apart, with another trace of its experiment accepted since the first, or
//   - where no other trace of its experiment was accepted: when it was refused two times more, RejectAfter apart, each
//     time with any other trace accepted right after.
//
// The last of these refusals must be enclosed: something is accepted before it and after it, within refusal.Shortest,
// so that no blip fits between. Where calls take too long for that, the trace is refused directly after an acceptance
// and directly before another one, and so once more, RejectAfter later.
//
// What is accepted around a refusal are traces of other batches, two of the same batch that were kept back for it, or,
// where none of these is at hand, a trace that the destination took before and that is sent again.
//
// While nothing is accepted, all batches wait, and one trace per back-off interval is the probe (refusal.Breaker).
package send
