// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package foreign builds collectors that are not part of this repository from the manifest and the
// stanzas of docs/how-to/custom-collector.md. The builds lie outside of the checkout and get the
// module from a module proxy in a folder, as a released version.
package foreign
