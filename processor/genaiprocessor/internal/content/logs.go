// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// eventNameKey is the attribute in which log records had the names of their events before they had
// a field for it.
const eventNameKey = "event.name"

// ApplyLogs treats the GenAI log records of ld.
func (p *Policy) ApplyLogs(ld plog.Logs) Stats {
	var stats Stats
	if p.action == "" || p.action == ActionKeep {
		return stats
	}
	call := *p
	call.stats = &stats
	for _, rl := range ld.ResourceLogs().All() {
		below := stats.Records
		for _, sl := range rl.ScopeLogs().All() {
			inScope := stats.Records
			ours, dialect := isGenAIScope(sl.Scope()), genai.DialectOfScope(sl.Scope().Name())
			for _, lr := range sl.LogRecords().All() {
				if ours || isGenAIRecord(lr, dialect) {
					stats.Records++
					call.record(lr)
				}
			}
			if stats.Records > inScope {
				call.attributes(sl.Scope().Attributes(), genai.ClassOf, false)
			}
		}
		if stats.Records > below {
			call.attributes(rl.Resource().Attributes(), genai.ResourceClassOf, false)
		}
	}
	return stats
}

func isGenAIRecord(lr plog.LogRecord, scope genai.Dialect) bool {
	return strings.HasPrefix(EventName(lr), "gen_ai.") || isMarked(lr.Attributes(), scope)
}

// EventName returns the name of the event that a log record is, empty for other log records.
func EventName(lr plog.LogRecord) string {
	if name := lr.EventName(); name != "" {
		return name
	}
	if v, ok := lr.Attributes().Get(eventNameKey); ok {
		return v.Str()
	}
	return ""
}

func (p *Policy) record(lr plog.LogRecord) {
	lr.SetEventName(p.eventName(lr.EventName()))
	if v, ok := lr.Attributes().Get(eventNameKey); ok {
		v.SetStr(p.eventName(v.AsString()))
	}
	p.body(lr.Body())
	class := classesIn(lr.Attributes())
	class[eventNameKey] = genai.ClassSafe
	p.attributes(lr.Attributes(), class.of, false)
}

// body treats the body of a record, all of which is content.
func (p *Policy) body(v pcommon.Value) {
	if v.Type() == pcommon.ValueTypeEmpty {
		return
	}
	switch p.action {
	case ActionMask:
		if p.full.value(v, "", 0) {
			p.stats.Masked++
		}
	case ActionHash:
		p.hash(v)
		p.stats.Hashed++
	default:
		pcommon.NewValueEmpty().CopyTo(v)
		p.stats.Removed++
	}
}

// classes are those of the attributes of one event or log record that differ from genai.ClassOf.
type classes map[string]genai.Class

func (c classes) of(key string) genai.Class {
	if class, ok := c[key]; ok {
		return class
	}
	return genai.ClassOf(key)
}

// classesIn returns the classes that depend on what else an event or log record holds. The id of an
// assessor is a person's unless the type beside it is a machine's. A label, or a score written as
// text, that isn't a number by itself is a text of its author's choice.
func classesIn(attrs pcommon.Map) classes {
	c := classes{}
	if kind, ok := attrs.Get(genai.AssessmentSourceType); ok && genai.Machine(kind.Str()) {
		c[genai.AssessmentSourceID] = genai.ClassSafe
	}
	if label, ok := attrs.Get(genai.EvaluationLabel); ok && !genai.ScoreOfLabel(label.Str()).HasValue {
		c[genai.EvaluationLabel] = genai.ClassContent
	}
	if score, ok := attrs.Get(genai.EvaluationScore); ok && score.Type() == pcommon.ValueTypeStr {
		c[genai.EvaluationScore] = genai.ClassContent
		if genai.ScoreOfLabel(score.Str()).HasValue {
			c[genai.EvaluationScore] = genai.ClassSafe
		}
	}
	return c
}
