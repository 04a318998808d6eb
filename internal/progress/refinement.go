// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import "go.opentelemetry.io/collector/component"

// RefinementSink takes what a processor did with the spans that went through it. The mlflow_report
// extension is one; processors find it among the extensions of the host.
type RefinementSink interface {
	// PublishRefinement takes what one instance of a processor counted. Each instance calls it
	// once, at its Shutdown; a collector makes an instance for every pipeline that names the
	// processor, so those of one id add up.
	PublishRefinement(Refinement)
}

// Refinement is what a genai processor counted in this process. A trace that comes again counts
// again.
type Refinement struct {
	Processor component.ID
	// Spans is the number of GenAI spans that went through it; ModelCalls that of those which stand
	// for the call of a model.
	Spans, ModelCalls int64
	// CountedRequest and CountedResponse are the sums of token_count_request and
	// token_count_response; Counted is the number of spans that got any.
	Counted, CountedRequest, CountedResponse int64
	// MediaCounted is the number of images and other base64 files that were counted as text,
	// MediaSkipped that of those which were left out.
	MediaCounted, MediaSkipped int64
	// ReportedInput and ReportedOutput are the sums of the usage that the instrumentation reported
	// on calls of models; Reported is the number of such calls. A span below another one that
	// reports usage stands for the same call and is left out.
	Reported, ReportedInput, ReportedOutput int64
	// Scores holds a row per metric_<name>, ordered by name; at most as many as the processor's own
	// limit of names.
	Scores []Score
	// LeftOut counts the assessments that became no score, by the reason that the genai processor
	// gives; SharedScores the scores under an attribute that another name had first.
	LeftOut      map[string]int64
	SharedScores int64
	// Prices says that there is a price list; all that follows means nothing without.
	Prices bool
	// Cost is the sum of contract_cost in Currency: of the totals of whole traces, and of the
	// single calls of traces that are not.
	Cost                float64
	Currency, PriceList string
	// Priced and Unpriced count the calls of models that report usage, with and without a price:
	// together they are Reported. WithoutUsage counts those that report none.
	Priced, Unpriced, WithoutUsage int64
	// PricedTools counts the calls of tools with a cost.
	PricedTools int64
	// Uncertain and Limited count priced calls whose cost may be wrong: nothing tells whether their
	// input includes cached tokens; a part was reported with more tokens than the whole.
	Uncertain, Limited int64
}

// Score is what is known of one metric_<name>.
type Score struct {
	Name  string
	Count int64
	Mean  float64
}

// Add adds what another instance of the processor counted.
func (r *Refinement) Add(o Refinement) {
	r.Spans += o.Spans
	r.ModelCalls += o.ModelCalls
	r.Counted += o.Counted
	r.CountedRequest += o.CountedRequest
	r.CountedResponse += o.CountedResponse
	r.MediaCounted += o.MediaCounted
	r.MediaSkipped += o.MediaSkipped
	r.Reported += o.Reported
	r.ReportedInput += o.ReportedInput
	r.ReportedOutput += o.ReportedOutput
	r.Scores = addScores(r.Scores, o.Scores)
	for reason, n := range o.LeftOut {
		if r.LeftOut == nil {
			r.LeftOut = map[string]int64{}
		}
		r.LeftOut[reason] += n
	}
	r.SharedScores += o.SharedScores
	r.Prices = r.Prices || o.Prices
	r.Cost += o.Cost
	r.Currency, r.PriceList = o.Currency, o.PriceList
	r.Priced += o.Priced
	r.Unpriced += o.Unpriced
	r.WithoutUsage += o.WithoutUsage
	r.PricedTools += o.PricedTools
	r.Uncertain += o.Uncertain
	r.Limited += o.Limited
}

// addScores merges two lists that are ordered by name.
func addScores(a, b []Score) []Score {
	merged := make([]Score, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Name < b[0].Name:
			merged, a = append(merged, a[0]), a[1:]
		case a[0].Name > b[0].Name:
			merged, b = append(merged, b[0]), b[1:]
		default:
			n := a[0].Count + b[0].Count
			merged = append(merged,
				Score{Name: a[0].Name, Count: n,
					Mean: (a[0].Mean*float64(a[0].Count) + b[0].Mean*float64(b[0].Count)) / float64(n)})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(merged, a...), b...)
}
