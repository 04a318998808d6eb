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
	// Deleted are assessments that MLflow no longer has, as they were known last; at least ID and
	// Name.
	Deleted []mlflow.Assessment
	// Tags and Metadata were edited.
	Tags, Metadata Edit
	// Present are the ids of all assessments that are there, where it isn't known which ones were
	// deleted; nil: not told.
	Present []string
}

// Edit is how a list of tags or metadata has changed.
type Edit struct {
	Added, Changed []mlflow.KeyValue // with their new values
	Removed        []string          // keys
	// Current is the whole list, where it isn't known what of it has changed.
	Current []mlflow.KeyValue
}

func (e *Edit) empty() bool {
	return len(e.Added)+len(e.Changed)+len(e.Removed)+len(e.Current) == 0
}

// EditOf compares two lists that are sorted by key.
func EditOf(before, after []mlflow.KeyValue) Edit {
	var e Edit
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].Key < after[0].Key:
			e.Removed = append(e.Removed, before[0].Key)
			before = before[1:]
		case len(before) == 0 || after[0].Key < before[0].Key:
			e.Added = append(e.Added, after[0])
			after = after[1:]
		default:
			if before[0].Value != after[0].Value {
				e.Changed = append(e.Changed, after[0])
			}
			before, after = before[1:], after[1:]
		}
	}
	return e
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
// the order of creation, and a TraceUpdated if tags or metadata were edited. now is the time at
// which the changes were found. It returns what was converted. The strings of the records share the
// memory of t and changes, neither of which is changed. Without a change nothing is added.
//
// Of t the Info and, where they are at hand, the Spans are used: they tell the OpenTelemetry trace
// id, the topmost span, the name of the service and the ids of the models' responses. A reader that
// has remembered the two ids may give one span that has nothing else. Without spans the trace id
// follows from MLflow's, as it does for spans that carry none, records about the whole trace have no
// span id, and the experiment names the service.
func (c *Converter) AppendChanges(ld plog.Logs, exp mlflow.Experiment, t *mlflow.Trace, changes *Changes,
	now time.Time) LogStats {
	edited := !changes.Tags.empty() || !changes.Metadata.empty() || changes.Present != nil
	if len(changes.Assessments)+len(changes.Deleted) == 0 && !edited {
		return LogStats{}
	}
	w := c.workers.Get().(*worker)
	w.stats = Stats{}

	r := recorder{worker: w, spans: t.Spans, id: t.Info.ID, found: pcommon.NewTimestampFromTime(now)}
	top := 0
	if len(t.Spans) > 0 {
		top = topmost(t.Spans)
		r.traceID, r.root = t.Spans[top].TraceID, t.Spans[top].ID
	}
	if r.traceID == (pcommon.TraceID{}) {
		r.traceID, _ = mlflow.TraceID(t.Info.ID)
	}
	from := c.originOf(exp, t, top)
	r.records = from.scopeLogs(ld).LogRecords()

	r.evaluations(changes.Assessments, false)
	r.evaluations(changes.Deleted, true)
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

// updated adds a record with the tags and metadata that were edited, under the names that they have
// on the topmost span. MLflow doesn't tell when that was.
func (r *recorder) updated(changes *Changes) {
	lr := r.record(TraceUpdated, r.found, r.root)
	var added, changed, removed []string
	for _, part := range []struct {
		edit *Edit
		put  func(mlflow.KeyValue)
		name func(key string) string
	}{{&changes.Metadata, r.metadata, metadataName}, {&changes.Tags, r.tag, tagName}} {
		names := func(into *[]string, list []mlflow.KeyValue) {
			for _, kv := range list {
				part.put(kv)
				if name := part.name(kv.Key); r.shows(name) {
					*into = append(*into, name)
				}
			}
		}
		var current []string // not told
		names(&current, part.edit.Current)
		names(&added, part.edit.Added)
		names(&changed, part.edit.Changed)
		for _, key := range part.edit.Removed {
			if name := part.name(key); r.admits(name) {
				removed = append(removed, name)
			}
		}
	}
	r.list(TraceAdded, added)
	r.list(TraceChanged, changed)
	r.list(TraceRemoved, removed)
	if changes.Present != nil {
		list := r.replace(TraceAssessments).SetEmptySlice()
		for _, id := range changes.Present {
			list.AppendEmpty().SetStr(validString(id))
		}
	}
	r.finish(lr.Attributes())
}

// list adds names of attributes, of which none is content.
func (r *recorder) list(key string, names []string) {
	if len(names) == 0 {
		return
	}
	list := r.replace(key).SetEmptySlice()
	list.EnsureCapacity(len(names))
	for _, name := range names {
		list.AppendEmpty().SetStr(validString(name))
	}
}
