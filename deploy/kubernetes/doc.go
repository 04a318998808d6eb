// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package kubernetes holds the test of the manifests in this folder. It needs no cluster: manifests are decoded
// strictly into the types of Kubernetes, and compared with the definition of KEDA's resources, both of pinned versions.
package kubernetes
