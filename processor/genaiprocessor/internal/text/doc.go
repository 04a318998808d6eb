// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package text gives the text of a span's request and response whose tokens are counted. It is
// pure.
//
// In Raw mode a structured value is the text that Python's json.dumps(value, ensure_ascii=False)
// gives for it, and a string is itself: the text that MLflow holds. In Human mode it is what people
// and models read: the texts of messages, reasoning, the names and arguments of tool calls and
// their results, one per line, whatever dialect they are in; roles, ids, settings and embedded
// files are left out. A value without messages is all of its strings.
//
// Attributes that spread messages over numbered names (OpenInference, OpenLLMetry) and events have
// no JSON text; they are their texts in both modes.
package text
