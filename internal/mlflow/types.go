// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package mlflow holds MLflow's tracing domain as plain values, the Source interface that every way
// of reading implements, and the decoders of all wire formats. It splits documents and never builds
// value trees: the value of an attribute stays the JSON text that MLflow holds. It knows nothing of
// pdata.
package mlflow

// Attribute is a named value. Raw is the value's JSON text in Python's dialect (NaN, Infinity,
// integers of any size, key order kept) or, where a producer stored something that is not JSON,
// that plain text: a reader that can't parse Raw takes it as a string. Either is valid UTF-8.
type Attribute struct {
	Key string
	Raw []byte
}

// KeyValue is an entry of a trace's tags or metadata. Lists of them are sorted by key and hold a
// key once.
type KeyValue struct{ Key, Value string }

// Get returns the value of key in a list sorted by key, and whether it is there.
func Get(list []KeyValue, key string) (string, bool) {
	for i := range list {
		if list[i].Key == key {
			return list[i].Value, true
		}
	}
	return "", false
}

// StatusCode is the status of a span.
type StatusCode uint8

// Span status codes, numbered as in OTLP.
const (
	StatusCodeUnset StatusCode = iota
	StatusCodeOK
	StatusCodeError
)

// Span is one span. Times are Unix nanoseconds; End is 0 while the span is open. Parent is zero for
// a root.
type Span struct {
	TraceID    [16]byte
	ID, Parent [8]byte
	Name       string
	Start, End int64
	Status     StatusCode
	Message    string // of the status
	Attributes []Attribute
	Events     []Event
	Links      []Link

	// What only traces in Unity Catalog have, written by others than MLflow. Kind is numbered as in
	// OTLP; 0 is unspecified.
	Kind                                           uint8
	TraceState                                     string
	Flags                                          uint32
	DroppedAttributes, DroppedEvents, DroppedLinks uint32
}

// Event is a span event. Time is in Unix nanoseconds, whatever unit the client wrote (clients up to
// 3.10 wrote microseconds).
type Event struct {
	Name              string
	Time              int64
	Attributes        []Attribute
	DroppedAttributes uint32 // Unity Catalog only
}

// Link points to a span of another trace.
type Link struct {
	TraceID    [16]byte
	SpanID     [8]byte
	Attributes []Attribute

	// Unity Catalog only.
	TraceState               string
	Flags, DroppedAttributes uint32
}

// State is the state of a trace.
type State string

// Trace states, spelled as on the wire of V3.
const (
	StateUnspecified State = ""
	StateOK          State = "OK"
	StateError       State = "ERROR"
	StateInProgress  State = "IN_PROGRESS"
)

// Info describes a trace without its spans.
type Info struct {
	ID              string // MLflow's own: tr-<hex>, <hex>, trace:/<location>/<hex>, or free text
	ExperimentID    string
	ClientRequestID string
	Timestamp       int64 // Unix milliseconds, MLflow's timestamp_ms
	Duration        int64 // milliseconds; may be negative (a span without an end)
	Untimed         bool  // the source tells no duration; Duration is 0
	State           State
	// Spans is the number of spans by the metadata (num_spans), which the client that wrote the trace
	// counted, or a server of 3.6 or later; 0 where it tells none.
	Spans int64
	// Final is true where the client has written the final info (3.12 on): nothing but spans that
	// come late changes it then.
	Final           bool
	RequestPreview  string
	ResponsePreview string
	Metadata, Tags  []KeyValue
	Assessments     []Assessment

	// Unreadable says what of the info could not be read, its id or its time, and is empty
	// otherwise. Such a trace is skipped as corrupt.
	Unreadable string
}

// Keys of tags and metadata that decide how a trace is read.
const (
	TagSpansLocation    = "mlflow.trace.spansLocation"
	TagArtifactLocation = "mlflow.artifactLocation"
	MetaSizeBytes       = "mlflow.trace.sizeBytes"
	MetaSizeStats       = "mlflow.trace.sizeStats"
	MetaInfoFinalized   = "mlflow.trace.infoFinalized"
	MetaSchemaVersion   = "mlflow.trace_schema.version"
)

// Values of TagSpansLocation; absent means SpansInArtifacts.
const (
	SpansInStore     = "TRACKING_STORE"
	SpansInArtifacts = "ARTIFACT_REPO"
	SpansInArchive   = "ARCHIVE_REPO"
)

// SpansLocation says where the spans of the trace lie: SpansInStore, SpansInArtifacts or
// SpansInArchive.
func (i *Info) SpansLocation() string {
	if v, ok := Get(i.Tags, TagSpansLocation); ok && v != "" {
		return v
	}
	return SpansInArtifacts
}

// AssessmentKind tells what an assessment is.
type AssessmentKind string

// The kinds of assessments, named as the member that carries the value on the wire.
const (
	AssessmentKindFeedback    AssessmentKind = "feedback"
	AssessmentKindExpectation AssessmentKind = "expectation"
	AssessmentKindIssue       AssessmentKind = "issue"
)

// Assessment is a score, an expectation or an issue reference, complete. Whatever the source, it
// holds what MLflow's REST answer holds, so that one trace read from a server and from the store
// underneath is the same: numbers of feedback and of scalar expectations are floats (5.0), and the
// keys of objects are in ascending order.
type Assessment struct {
	ID, Name        string
	TraceID, SpanID string // SpanID in hex, empty for an assessment of the whole trace
	SourceType      string // HUMAN, LLM_JUDGE, CODE
	SourceID        string
	Created         int64 // Unix milliseconds
	Updated         int64 // Unix milliseconds
	Kind            AssessmentKind
	// Value is canonical JSON text: of a feedback's value or a scalar expectation; for an issue the
	// issue's name; nil when the wire has none.
	Value []byte
	// Serialized is the JSON text of a list or object expectation as it was logged
	// (serialized_value on the wire).
	Serialized string
	Error      *AssessmentError
	Rationale  string
	Metadata   []KeyValue
	Overrides  string // id of the assessment that this one replaces
	Invalid    bool   // replaced by another
}

// AssessmentError says why a judge gave no value.
type AssessmentError struct{ Code, Message, StackTrace string }

// Trace is a whole trace. It owns the memory that its strings and raw values point into: nothing
// may write there, and nothing may be reused.
type Trace struct {
	Info  Info
	Spans []Span
	// Synthetic is true where MLflow's trace id is free text and no span carries an OpenTelemetry
	// id, so that the ids were derived from it by hashing.
	Synthetic bool
	// Size is the number of bytes that were read for the trace.
	Size int
}

// Experiment is a container of traces.
type Experiment struct {
	ID, Name         string
	ArtifactLocation string
	Created          int64 // Unix milliseconds; 0 where the source tells none
	Deleted          bool
	// Place is where the traces lie in Unity Catalog, catalog.schema.prefix or, in the older
	// layout, catalog.schema; empty for other experiments. Several may share a place: each of them
	// holds all traces there.
	Place string
}
