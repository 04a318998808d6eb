// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
)

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
func (c SpanCount) Encode() []byte {
	body, err := json.Marshal(c)
	if err != nil {
		panic(err) // every field is a plain value
	}
	return append(fmt.Appendf(nil, "%s %08x ", spanCountVersion, crc32.ChecksumIEEE(body)), body...)
}

// DecodeSpanCount reads what Encode wrote; no bytes at all are an empty count. The error is
// delivered.ErrDamaged or delivered.ErrNewerFormat, with what is wrong.
func DecodeSpanCount(b []byte) (SpanCount, error) {
	var c SpanCount
	if b == nil {
		return c, nil
	}
	parts := bytes.SplitN(b, []byte(" "), 3)
	if len(parts) != 3 {
		return c, fmt.Errorf("%w: a count of spans has no header", delivered.ErrDamaged)
	}
	if err := checkVersion(string(parts[0]), spanCountVersion); err != nil {
		return c, err
	}
	if sum := fmt.Sprintf("%08x", crc32.ChecksumIEEE(parts[2])); sum != string(parts[1]) {
		return c, fmt.Errorf("%w: the checksum of a count of spans does not match", delivered.ErrDamaged)
	}
	if err := json.Unmarshal(parts[2], &c); err != nil {
		return SpanCount{}, fmt.Errorf("%w: a count of spans: %w", delivered.ErrDamaged, err)
	}
	return c, nil
}
