// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"errors"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Logs are batches of log records.
type Logs struct{}

var _ Kind[plog.Logs] = Logs{}

// Signal implements Kind.
func (Logs) Signal() unity.Signal { return unity.SignalLogs }

// Path implements Kind.
func (Logs) Path() string { return "logs" }

// Units implements Kind.
func (Logs) Units(b plog.Logs) int { return b.LogRecordCount() }

// Items implements Kind.
func (Logs) Items(b plog.Logs) int { return b.LogRecordCount() }

// Size implements Kind.
func (Logs) Size(b plog.Logs) int { return (&plog.ProtoMarshaler{}).LogsSize(b) }

// Marshal implements Kind.
func (Logs) Marshal(b plog.Logs) ([]byte, error) {
	return plogotlp.NewExportRequestFromLogs(b).MarshalProto()
}

// JSON implements Kind.
func (Logs) JSON(b plog.Logs) ([]byte, error) { return (&plog.JSONMarshaler{}).MarshalLogs(b) }

// Pick implements Kind.
func (Logs) Pick(b plog.Logs, ranges ...Range) plog.Logs {
	out := plog.NewLogs()
	c := cutter{ranges: ranges}
	for _, rl := range b.ResourceLogs().All() {
		n := 0
		for _, sl := range rl.ScopeLogs().All() {
			n += sl.LogRecords().Len()
		}
		if !c.overlaps(n) {
			continue
		}
		toResource := out.ResourceLogs().AppendEmpty()
		rl.Resource().CopyTo(toResource.Resource())
		toResource.SetSchemaUrl(rl.SchemaUrl())
		for _, sl := range rl.ScopeLogs().All() {
			if !c.overlaps(sl.LogRecords().Len()) {
				continue
			}
			to := toResource.ScopeLogs().AppendEmpty()
			sl.Scope().CopyTo(to.Scope())
			to.SetSchemaUrl(sl.SchemaUrl())
			for _, r := range sl.LogRecords().All() {
				if c.next() {
					r.CopyTo(to.LogRecords().AppendEmpty())
				}
			}
		}
	}
	return out
}

// Resources implements Kind.
func (Logs) Resources(b plog.Logs) int { return b.ResourceLogs().Len() }

// Resource implements Kind.
func (Logs) Resource(b plog.Logs, i int) pcommon.Map {
	return b.ResourceLogs().At(i).Resource().Attributes()
}

// PickResources implements Kind.
func (Logs) PickResources(b plog.Logs, indexes []int) plog.Logs {
	out := plog.NewLogs()
	out.ResourceLogs().EnsureCapacity(len(indexes))
	for _, i := range indexes {
		b.ResourceLogs().At(i).CopyTo(out.ResourceLogs().AppendEmpty())
	}
	return out
}

// Join implements Kind.
func (Logs) Join(all []plog.Logs) plog.Logs {
	out := plog.NewLogs()
	for _, b := range all {
		for _, group := range b.ResourceLogs().All() {
			group.CopyTo(out.ResourceLogs().AppendEmpty())
		}
	}
	return out
}

// Traces implements Kind.
func (Logs) Traces(plog.Logs) int { return 0 }

// Paces implements Kind.
func (k Logs) Paces(b plog.Logs, _ int) []Range { return []Range{Whole(k, b)} }

// Rejected implements Kind.
func (Logs) Rejected(body []byte, contentType string) (int64, string, error) {
	r := plogotlp.NewExportResponse()
	if err := decode(body, contentType, r.UnmarshalProto, r.UnmarshalJSON); err != nil {
		return 0, "", err
	}
	return r.PartialSuccess().RejectedLogRecords(), r.PartialSuccess().ErrorMessage(), nil
}

// Undelivered implements Kind.
func (Logs) Undelivered(err error, rest plog.Logs) error { return consumererror.NewLogs(err, rest) }

// Rest implements Kind.
func (Logs) Rest(err error) (plog.Logs, bool) {
	if partial, ok := errors.AsType[consumererror.Logs](err); ok {
		return partial.Data(), true
	}
	return plog.Logs{}, false
}
