// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Changes are what has happened to a trace beside its spans: with its delivery or later.
type Changes struct {
	// Assessments were created or changed. They are as MLflow has them now.
	Assessments []mlflow.Assessment
	// Tags and Metadata are all that the trace has now, where some of them may have changed. It isn't
	// known which ones.
	Tags, Metadata []mlflow.KeyValue
	// Present are the ids of all assessments that are there: one that is missing was deleted. nil: not
	// told.
	Present []string
}

// LogStats counts what a conversion to log records did.
type LogStats struct {
	// Records counts the records that were written.
	Records int
	// BadUsage counts the costs and numbers of tokens of judges that are none. They are left out.
	BadUsage int
	// Dropped counts tags, metadata and parts of assessments that were left out because content isn't
	// captured.
	Dropped int
	// Persons counts the ids of human assessors that were left out.
	Persons int
	// Truncated counts the texts of which only a part was written.
	Truncated int
}

// Add adds o to s.
func (s *LogStats) Add(o LogStats) {
	s.Records += o.Records
	s.BadUsage += o.BadUsage
	s.Dropped += o.Dropped
	s.Persons += o.Persons
	s.Truncated += o.Truncated
}

// AppendChanges adds the log records of what has happened to t to ld, under the ResourceLogs of its
// service and experiment, which is found there or added: an EvaluationResult for each assessment, in
// the order of creation, and a TraceUpdated with Tags, Metadata and Present, if there are any. now is
// the time at which the changes were found. It returns what was converted. The strings of the records share the
// memory of t and changes, neither of which is changed. Without a change nothing is added.
//
// Of t the Info and, where they are at hand, the Spans are used: they tell the OpenTelemetry trace
// id, the topmost span, the name of the service and the ids of the models' responses. A reader that
// has remembered the two ids may give one span that has nothing else. Without spans the trace id
// follows from MLflow's, as it does for spans that carry none, records about the whole trace have no
// span id, and the experiment names the service.
func (c *Converter) AppendChanges(ld plog.Logs, exp mlflow.Experiment, t *mlflow.Trace, changes *Changes,
	now time.Time) LogStats {
	edited := len(changes.Tags)+len(changes.Metadata) > 0 || changes.Present != nil
	if len(changes.Assessments) == 0 && !edited {
		return LogStats{}
	}
	w := c.workers.Get().(*worker)
	w.stats = Stats{}

	r := recorder{worker: w, spans: t.Spans, id: t.Info.ID, found: pcommon.NewTimestampFromTime(now)}
	var top *mlflow.Span
	if len(t.Spans) > 0 {
		top = &t.Spans[topmost(t.Spans)]
		r.traceID, r.root = top.TraceID, top.ID
	}
	if r.traceID == (pcommon.TraceID{}) {
		r.traceID, _ = mlflow.TraceID(t.Info.ID)
	}
	from := c.originOf(exp, t, top)
	r.records = from.scopeLogs(ld).LogRecords()

	r.evaluations(changes.Assessments)
	if edited {
		r.updated(changes)
	}
	r.counts.Dropped = w.stats.Dropped
	c.workers.Put(w)
	return r.counts
}

// recorder writes the log records of one trace.
type recorder struct {
	*worker
	records   plog.LogRecordSlice
	spans     []mlflow.Span
	id        string // MLflow's
	traceID   pcommon.TraceID
	root      pcommon.SpanID    // zero: not known
	found     pcommon.Timestamp // when the changes were found
	truncated []string          // keys of the attributes of the record that were cut
	counts    LogStats          // but for Dropped, which the worker counts
}

// record adds a record and its first attribute. The caller finishes its attributes.
func (r *recorder) record(event string, at pcommon.Timestamp, span pcommon.SpanID) plog.LogRecord {
	lr := r.records.AppendEmpty()
	lr.SetEventName(event)
	lr.SetTimestamp(at)
	lr.SetObservedTimestamp(r.found)
	lr.SetSeverityNumber(plog.SeverityNumberInfo)
	lr.SetSeverityText("INFO")
	lr.SetTraceID(r.traceID)
	lr.SetSpanID(span)
	r.putString(TraceRequestID, r.id)
	r.counts.Records++
	return lr
}

// updated adds a record with the tags and metadata of the trace, under the names that they have on the
// topmost span, and the ids of its assessments. MLflow doesn't tell when they were edited.
func (r *recorder) updated(changes *Changes) {
	lr := r.record(TraceUpdated, r.found, r.root)
	for _, m := range changes.Metadata {
		r.metadata(m)
	}
	for _, tag := range changes.Tags {
		r.tag(tag)
	}
	if changes.Present != nil {
		list := r.replace(TraceAssessments).SetEmptySlice()
		list.EnsureCapacity(len(changes.Present))
		for _, id := range changes.Present {
			list.AppendEmpty().SetStr(validString(id))
		}
	}
	r.finish(lr.Attributes())
}
