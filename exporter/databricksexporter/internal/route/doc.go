// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package route chooses the table for data. It takes the configured routes and returns the
// destinations and the rules that choose one for the attributes of a resource. It splits a batch by
// destination, looks up the table that the tags of an experiment name, and rewrites the ids of
// spans in the form of the destination.
package route
