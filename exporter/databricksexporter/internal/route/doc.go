// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package route says where data goes: the destinations of a configuration, the rules that choose
// one for a resource, the lookup of a table that an experiment names, and the form that ids have at
// a destination.
package route
