// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"testing"

	"go.uber.org/goleak"
)

// The SDK's client leaves the timer of a failed request behind until its minute is over; it is here
// as a client only.
func TestMain(m *testing.M) {
	const timer = "github.com/databricks/databricks-sdk-go/httpclient.(*timeoutContext).run"
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(timer))
}
