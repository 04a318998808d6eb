// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

// SpanCount is what is kept of the spans in a source's database, which alone shows that spans were
// added inside of finished traces.
type SpanCount struct {
	// Of identifies the experiments and the start of the range that were counted.
	Of string `json:"of"`
	// Counted is the number at the end of a run, Sent that of all spans that were sent by then.
	Counted int64 `json:"counted"`
	Sent    int64 `json:"sent"`
	// Added is how many spans were added to finished traces and are not delivered.
	Added int64 `json:"added,omitempty"`
}

const spanCountVersion = "mlflow-spans-1"

// Encode returns the count with its version and a checksum.
func (c SpanCount) Encode() []byte { return sealJSON(spanCountVersion, c) }

// DecodeSpanCount reads what Encode wrote; no bytes at all are an empty count. The error is
// delivered.ErrDamaged or delivered.ErrNewerFormat, with what is wrong.
func DecodeSpanCount(b []byte) (SpanCount, error) {
	return unsealJSON[SpanCount](b, "a count of spans", spanCountVersion)
}
