// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

const tellingVersion = "mlflow-telling-1"

// EncodeTelling writes the ids of traces of which something is being told beside their spans, with a version and a
// checksum.
func EncodeTelling(ids []string) []byte { return sealJSON(tellingVersion, ids) }

// DecodeTelling reads what EncodeTelling wrote; no bytes at all are no ids. The error is delivered.ErrDamaged or
// delivered.ErrNewerFormat, with what is wrong.
func DecodeTelling(b []byte) ([]string, error) {
	return unsealJSON[[]string](b, "the list of traces that are being told", tellingVersion)
}
