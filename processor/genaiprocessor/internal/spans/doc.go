// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package spans reads the spans of a batch in any dialect of GenAI tracing. It returns for each
// span its kind, models and token usage, and its place below a root. It is pure.
//
// The topmost GenAI span of a trace is called its root: a GenAI span (genai.Marks) that has no
// GenAI span above it in the batch. Its parent may be missing, because there is none, or because it
// is remote or a span of another instrumentation, such as a web framework. A span whose parent is
// not in the batch although its flags say that the parent is of the same process is no root: the
// parent comes in another batch.
package spans
