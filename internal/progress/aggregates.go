// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

const aggregatesVersion = "mlflow-aggregates-1"

// SealAggregates returns a part of the sums of package aggregate with its version and a checksum.
func SealAggregates(body []byte) []byte { return seal(aggregatesVersion, " ", body) }

// UnsealAggregates reads what SealAggregates wrote. The error is delivered.ErrDamaged or delivered.ErrNewerFormat, with
// what is wrong.
func UnsealAggregates(b []byte) ([]byte, error) {
	_, body, err := unseal(b, "a sum over delivered traces", " ", aggregatesVersion)
	return body, err
}
