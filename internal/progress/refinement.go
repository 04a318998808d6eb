package progress

import "go.opentelemetry.io/collector/component"

// RefinementSink takes what a processor did with the spans that went through it. The mlflow_report extension is one; processors find it among the extensions of the host.
type RefinementSink interface {
	// PublishRefinement takes the newest state of a processor; the last one counts. Processors call it at their Shutdown.
	PublishRefinement(Refinement)
}

// Refinement is what a genai processor counted in this process. A trace that comes again counts again.
type Refinement struct {
	Processor component.ID
	Spans     int64 // spans that it touched
	// CountedRequest and CountedResponse are the sums of token_count_request and token_count_response; Counted is the number of spans that got any.
	Counted, CountedRequest, CountedResponse int64
	// ReportedInput and ReportedOutput are the sums of the usage that the instrumentation reported on LLM spans; Reported is the number of such spans.
	Reported, ReportedInput, ReportedOutput int64
	// Scores holds a row per metric_<name>, ordered by name; at most as many as the processor's own limit of names.
	Scores []Score
	// Cost is the sum of contract_cost over traces in Currency; Priced and Unpriced count the spans with and without a price.
	Cost             float64
	Currency         string
	Priced, Unpriced int64
}

// Score is what is known of one metric_<name>.
type Score struct {
	Name  string
	Count int64
	Mean  float64
}
