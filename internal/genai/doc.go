// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package genai converts MLflow traces to OpenTelemetry spans and log records. It is pure: values in,
// pdata out.
//
// # What is kept
//
// Ids, parents, names, times, status, events, links and every attribute of a span arrive as MLflow
// holds them, under MLflow's names, decoded once: the stored text "\"TOOL\"" is the string TOOL.
// Nothing that a producer wrote is replaced; attributes of OpenTelemetry's GenAI conventions are
// added beside it. What MLflow knows of the trace as a whole (ids, tags, metadata, assessments) is
// added once, to the topmost span: of the spans whose parent isn't part of the trace the one that
// starts first. All names are in names.go.
//
// # Values
//
// With Structured payloads, the default, a value is written as MLflow's own OTLP export writes it:
// objects and lists as native maps and slices with the order of their keys, numbers without a
// fraction or exponent as integers, others as doubles (NaN and infinities too; 1.50 and 1.5 are the
// same double), null as a value without a type. Of members with the same name the last one counts,
// as in Python. With JSON payloads an object or list is one string, the JSON text that MLflow
// holds; scalars are native as before. The scope attribute PayloadsMode says which of the two it
// was.
//
// Two things have no structured form and are written as a string of JSON text in their place:
// containers nested deeper than 24 levels, since protobuf readers refuse whole requests for deeper
// ones, and integers beyond int64. The attribute JSONAttributes of the span (or event, or link)
// lists the attributes that hold JSON text, whole or somewhere inside; a string in any other
// attribute is the value itself. A stored text that is not JSON is such a string. Tags and metadata
// are strings in MLflow and stay strings.
//
// # Log records
//
// Assessments and edits of tags and metadata are log records, too, since they may come after the
// spans were delivered: AppendChanges writes them, with the resource, scope and ids of the spans.
//
// A record EvaluationResult is a revision of an assessment, as of its last change, which is its time.
// It has the score as a number and as a label (see ScoreOf) and, where these don't say all, the value
// as JSON text; the rationale; who judged, at what cost; whether it is valid, which one it overrides.
// Expectations and issues have no score. Texts have at most 4 KiB; AssessmentTruncated names those
// that were cut. The ids of human assessors are left out.
//
// A record TraceUpdated has the tags and metadata of a trace under the names that they have on the
// topmost span, and the ids of its assessments.
//
// # Without content
//
// With CaptureContent off no content of users or models is delivered. Of a span's attributes only
// those are written that the table in classes.go knows to be Safe, a Name or a Person, and what is
// unknown is left out, as are status messages, the text of exceptions, previews, tags and metadata
// of their users' choice, rationales, expectations and feedback that isn't a number, truth value or
// short label. Names of spans, tools and events and the ids of users and sessions remain, and so do
// scalars that are read from inputs and outputs, such as gen_ai.request.model.
package genai
