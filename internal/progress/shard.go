// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"

	"go.opentelemetry.io/collector/component"
)

// Shard is one of Count readers that share a backfill; Index counts from 0. The zero Shard reads
// everything, as one with a Count of 1 does.
type Shard struct {
	Index int `json:"index"`
	Count int `json:"count"`
}

// Whole reports whether the reader is the only one.
func (s Shard) Whole() bool { return s.Count <= 1 }

// Same reports whether two shards read the same.
func (s Shard) Same(o Shard) bool { return s == o || s.Whole() && o.Whole() }

// String says what is read: "shard 2 of 4 (index 1)", or everything.
func (s Shard) String() string {
	if s.Whole() {
		return "everything"
	}
	return fmt.Sprintf("shard %d of %d (index %d)", s.Index+1, s.Count, s.Index)
}

// Sharing tells exporters how many processes send to the places that they write to, as far as the
// configuration says. The mlflow_report extension is one; exporters find it among the extensions of the host.
type Sharing interface {
	// Readers returns the number of processes that share the backfill whose data an exporter gets, 1 or more.
	// The answer holds from the start of pipelines on.
	Readers(exporter component.ID) int
}

// Claim is what is stored of the shard that a storage keeps the position of.
type Claim struct {
	Shard
	// Generation counts how often the storage was given to another shard. Each has records of its own.
	Generation int `json:"generation,omitempty"`
	// Importing is true until the records of former shards are copied.
	Importing bool `json:"importing,omitempty"`
}

const claimVersion = "mlflow-shard-1"

// Encode returns the claim with its version and a checksum.
func (c Claim) Encode() []byte { return sealJSON(claimVersion, c) }

// DecodeClaim reads what Encode wrote; no bytes at all are the claim of a reader of everything. The
// error is delivered.ErrDamaged or delivered.ErrNewerFormat, with what is wrong.
func DecodeClaim(b []byte) (Claim, error) {
	return unsealJSON[Claim](b, "the shard", claimVersion)
}
