// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package send delivers batches of traces and finds out which traces a destination refuses for good.
//
// A batch that is refused is divided (refusal.Division) until single traces are refused, and those wait in a quarantine
// of their batch (refusal.Quarantine). A trace is refused for good
//
//   - when it was refused twice, RejectAfter apart, with another trace of its experiment accepted between the two and
//     near the second, or
//   - where no other trace of its experiment was accepted: when it was refused two times more, RejectAfter apart, each
//     time with any other trace accepted near.
//
// What is accepted near a refusal is a trace of another batch, one of the same batch that was kept back for it, or,
// where neither is at hand, a trace that the destination took before and that is sent again.
//
// While nothing is accepted, all batches wait, and one trace per back-off interval is the probe (refusal.Breaker).
package send
