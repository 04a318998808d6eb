package mlflow

import "errors"

// Decoders of the wire formats. All of them keep the document they are given: strings and raw values of the result may point into it, so the caller hands it
// over and never writes to it again. A result never points into memory shared between traces (see Trace).

var errTODO = errors.New("decoder missing")

// DecodeArtifact decodes a traces.json document: {"spans": […]} of schema 2 (2.14 to 2.22), schema 3 (3.0 to 3.5) and of the artifact route of the
// database era (3.6 on). An error is always a *Skip.
func DecodeArtifact(info Info, doc []byte) (*Trace, error) { return nil, errTODO }

// DecodeTyped decodes one element of `traces` of batchGet, or `trace` of get: {"trace_info": {…}, "spans": […]} with typed attribute values, which are
// transcoded to the canonical JSON text that the other formats have. An error is always a *Skip.
func DecodeTyped(info Info, doc []byte) (*Trace, error) { return nil, errTODO }

// SplitBatch returns, for each element of `traces` of a batchGet answer, its trace id and its own copy of the element, in the order of the answer.
func SplitBatch(body []byte) ([]BatchElement, error) { return nil, errTODO }

// BatchElement is one trace of a batchGet answer.
type BatchElement struct {
	TraceID string
	Doc     []byte
}

// Builder assembles a trace from the rows of a store, whose spans are single JSON documents of the form that the artifact route of the database era answers with.
type Builder struct{}

// DecodeSpan decodes one span document of any of the three artifact forms (column spans.content of a store). The span points into doc.
func DecodeSpan(doc []byte) (Span, error) { return Span{}, errTODO }

// Finish gives every span of the trace the same OpenTelemetry trace id: the one in the spans, else one derived from the trace's MLflow id; and puts event
// times into nanoseconds. Every decoder ends with it; a store calls it after it has decoded the rows.
func Finish(t *Trace) {}

// InfosPage is one page of a search answer.
type InfosPage struct {
	Infos     []Info
	NextToken string
}

// DecodeSearchV3 decodes the answer of POST /api/3.0/mlflow/traces/search (`traces`) and of batchGetInfos (`trace_infos`).
func DecodeSearchV3(body []byte) (InfosPage, error) { return InfosPage{}, errTODO }

// DecodeSearchV2 decodes the answer of GET /api/2.0/mlflow/traces.
func DecodeSearchV2(body []byte) (InfosPage, error) { return InfosPage{}, errTODO }

// DecodeInfoV3 decodes {"trace": {"trace_info": {…}}} of GET /api/3.0/mlflow/traces/{id}.
func DecodeInfoV3(body []byte) (Info, error) { return Info{}, errTODO }

// DecodeInfoV2 decodes {"trace_info": {…}} of GET /api/2.0/mlflow/traces/{id}/info.
func DecodeInfoV2(body []byte) (Info, error) { return Info{}, errTODO }
