// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package send delivers batches to tables. A Router splits a batch by destination. Each destination
// has a Queue of its own, which is two exporters out of exporterhelper around a Sender:
//
//	Router ──► Queue: memory budget ──► sending queue ──► retries
//	       ──► Sender: gate, pacer ──► HTTP request ──► judge
//
// The sending queue is the outer exporter, so that Queue sees how the retries ended. Only Queue
// knows whether the data is also held elsewhere (by a producer that waits for the result, or by a
// queue on disk), or must be counted and written to the dead-letter file.
package send
