// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Command quickstart runs the distribution on one source and says what to do next. It is what `make run` calls.
//
// make puts the names of the variables that are written on its command line into RUN_WRITTEN, and the value of each
// NAME into RUN_NAME. No other variable of the environment chooses a source, an experiment or a credential.
//
// The collector gets config/quickstart.yaml, or config/otlp.yaml for ENDPOINT, and an overlay. Its log goes to a file
// beside its output.
package main
