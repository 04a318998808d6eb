// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

// Trace is what counts of one trace.
type Trace struct {
	ID, Experiment string
	// Start is in Unix milliseconds, Duration in milliseconds; Untimed says that it is not known.
	Start, Duration int64
	Untimed         bool
	Failed          bool // the trace ended in an error
	Spans           []Span
	// Request and Response are texts of the trace that the report may show; empty where it may not.
	Request, Response string
	// Refined is what the genai processor added; nil where that is not known.
	Refined *Refined
}

// Span is what counts of one span.
type Span struct {
	Type, Name string // an empty name is not counted by name
	Duration   int64  // nanoseconds; negative where it is not known
	Failed     bool
}

// Refined is what the genai processor did with a trace.
type Refined struct {
	// CountedSpans is how many spans got token counts; Request and Response are their sums.
	CountedSpans, Request, Response int64

	Models, Tools []Use
	// Cost is that of the whole trace; Priced says that a call has one.
	Cost   float64
	Priced bool
	Scores []Score
}

// Use is what is known of the calls of a model or tool.
type Use struct {
	Name string `json:"name"`
	// Calls is their number, Reported that of those which report usage, Priced that of those with a cost.
	Calls    int64 `json:"calls"`
	Reported int64 `json:"reported"`
	Priced   int64 `json:"priced"`
	// Input and Output are the tokens that they report.
	Input  int64   `json:"input"`
	Output int64   `json:"output"`
	Cost   float64 `json:"cost"`
}

// Add adds the numbers of another use. Its name stays.
func (u *Use) Add(o *Use) {
	u.Calls += o.Calls
	u.Reported += o.Reported
	u.Priced += o.Priced
	u.Input += o.Input
	u.Output += o.Output
	u.Cost += bounded(o.Cost)
}

// Score is one score of a trace.
type Score struct {
	Name, Source string
	Value        float64
}
