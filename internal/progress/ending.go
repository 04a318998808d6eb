// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

// Ending tells exporters, at their Shutdown, why the process ends. The mlflow_report extension is
// one; exporters find it among the extensions of the host. Receivers are shut down before
// exporters, so by then each has published its run.
type Ending interface {
	// Finished reports whether receivers published runs and all of these ended by themselves,
	// complete or not: a backfill that has come to its end. It is false when a signal stopped the
	// process in the middle, and where no mlflow receiver is at work.
	Finished() bool
}
