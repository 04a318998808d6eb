// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import "testing"

func TestClassifyAVX2(t *testing.T) {
	if !hasAVX2 {
		return
	}
	defer func(b bool) { hasAVX512 = b }(hasAVX512)
	hasAVX512 = false
	TestClassifyAgreesWithTable(t)
}
