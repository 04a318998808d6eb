// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Refinement is what a genai processor did with the spans that went through it.
type Refinement struct {
	Processor string `json:"processor"`
	// WithEarlierRuns says that the numbers are sums over this run and those before it that it
	// continues.
	WithEarlierRuns bool `json:"with_earlier_runs,omitempty"`

	Spans      int64 `json:"genai_spans"`
	ModelCalls int64 `json:"model_calls"`
	// Counted are the tokens of texts, Reported those that calls of models report. They measure
	// different things and don't add up.
	Counted  Counted  `json:"counted_tokens"`
	Reported Reported `json:"reported_tokens"`
	Scores   []Score  `json:"scores"`
	// LeftOut counts the assessments that became no score, by reason.
	LeftOut map[string]int64 `json:"scores_left_out,omitempty"`
	// Shared counts scores under an attribute that another name had first.
	Shared int64 `json:"scores_of_shared_attributes,omitempty"`
	// Cost is absent without a price list.
	Cost *Cost `json:"cost,omitempty"`
}

// Counted are the sums of token_count_request and token_count_response over the spans that have
// any.
type Counted struct {
	Spans    int64 `json:"spans"`
	Request  int64 `json:"request"`
	Response int64 `json:"response"`
	// Media and MediaSkipped count images and other base64 files: in the counted text, and left
	// out of it.
	Media        int64 `json:"media,omitempty"`
	MediaSkipped int64 `json:"media_skipped,omitempty"`
}

// Reported are sums of usage.
type Reported struct {
	Calls  int64 `json:"calls"`
	Input  int64 `json:"input"`
	Output int64 `json:"output"`
}

// Score is one metric_<name>.
type Score struct {
	Name  string  `json:"name"`
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
}

// Cost is what the calls cost by the price list of the configuration. Priced and unpriced calls are
// together the calls of Reported.
type Cost struct {
	Amount       float64 `json:"amount"`
	Currency     string  `json:"currency"`
	PriceList    string  `json:"price_list,omitempty"`
	Priced       int64   `json:"priced_calls"`
	Unpriced     int64   `json:"unpriced_calls"`
	WithoutUsage int64   `json:"calls_without_usage"`
	PricedTools  int64   `json:"priced_tool_calls,omitempty"`
	Uncertain    int64   `json:"uncertain_calls,omitempty"`
	Limited      int64   `json:"limited_calls,omitempty"`
}

func refinement(p *progress.Refinement) Refinement {
	r := Refinement{
		Processor: p.Processor.String(), Spans: p.Spans, ModelCalls: p.ModelCalls,
		Counted: Counted{Spans: p.Counted, Request: p.CountedRequest, Response: p.CountedResponse,
			Media: p.MediaCounted, MediaSkipped: p.MediaSkipped},
		Reported: Reported{p.Reported, p.ReportedInput, p.ReportedOutput},
		Scores:   []Score{}, LeftOut: p.LeftOut, Shared: p.SharedScores,
	}
	for _, s := range p.Scores {
		r.Scores = append(r.Scores, Score(s))
	}
	if p.Prices {
		r.Cost = &Cost{p.Cost, p.Currency, p.PriceList, p.Priced, p.Unpriced, p.WithoutUsage, p.PricedTools,
			p.Uncertain, p.Limited}
	}
	return r
}

// mostScores is how many names the summary shows; the report has all of them.
const mostScores = 20

// summary writes what a processor did, for people; nothing if no GenAI span came its way.
func (r *Refinement) summary(b *strings.Builder) {
	if r.Spans == 0 {
		return
	}
	if r.WithEarlierRuns {
		b.WriteString("  refined   tokens, scores and cost with those of earlier runs\n")
	}
	head := "tokens"
	if r.Counted.Spans > 0 {
		fmt.Fprintf(b, "  %-8s  counted: %d in requests, %d in responses, on %s\n", head, r.Counted.Request,
			r.Counted.Response, progress.Count(r.Counted.Spans, "span"))
		head = ""
	}
	if r.Reported.Calls > 0 {
		fmt.Fprintf(b, "  %-8s  reported: %d input, %d output, by %s\n", head, r.Reported.Input,
			r.Reported.Output, progress.Count(r.Reported.Calls, "model call"))
	}
	if r.Counted.Media > 0 {
		fmt.Fprintf(b, "            %d images or other base64 files were counted as text; "+
			"processors::%s::tokens::media: skip leaves them out\n", r.Counted.Media, r.Processor)
	}
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	for i, s := range r.Scores {
		if i == mostScores {
			break
		}
		head := ""
		if i == 0 {
			head = "scores"
		}
		fmt.Fprintf(t, "  %-8s\t%s\tmean %s\ton %s\n", head, s.Name, number(s.Mean), progress.Count(s.Count, "span"))
	}
	_ = t.Flush()
	if more := len(r.Scores) - mostScores; more > 0 {
		fmt.Fprintf(b, "            and %d more, in the report\n", more)
	}
	r.lost(b)
	switch {
	case r.Cost != nil:
		r.Cost.summary(b)
	case r.ModelCalls > 0:
		fmt.Fprintf(b,
			"  cost      no prices in processors::%s::cost::models\n",
			r.Processor)
	}
}

// losses are the reasons for which an assessment is left out although its author may expect a score,
// with what the summary says. Other reasons, such as an expectation, are in the report.
var losses = []struct{ reason, words string }{
	{"no_number", "without a number"},
	{"no_name", "without a name of letters or digits"},
	{"collision", "with a name that gives the attribute of another one"},
	{"span_limit", "beyond max_metrics"},
	{"name_limit", "beyond max_names"},
	{"span_missing", "of spans that are not in the batch"},
	{"malformed", "that can't be read"},
}

// lost writes which assessments became no score.
func (r *Refinement) lost(b *strings.Builder) {
	var parts []string
	for _, loss := range losses {
		if n := r.LeftOut[loss.reason]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, loss.words))
		}
	}
	head := "scores"
	if len(r.Scores) > 0 {
		head = ""
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "  %-8s  left out: %s\n", head, strings.Join(parts, ", "))
		head = ""
	}
	if r.Shared > 0 {
		fmt.Fprintf(b, "  %-8s  %d under an attribute that another name gives, too; "+
			"processors::%s::assessments::rename tells them apart\n", head, r.Shared, r.Processor)
	}
}

func (c *Cost) summary(b *strings.Builder) {
	list := ""
	if c.PriceList != "" {
		list = fmt.Sprintf(" by price list %q", c.PriceList)
	}
	tools := ""
	if c.PricedTools > 0 {
		tools = " and " + progress.Count(c.PricedTools, "tool call")
	}
	fmt.Fprintf(b, "  cost      %s%s, for %s%s\n", money(c.Amount, c.Currency), list,
		progress.Count(c.Priced, "model call"), tools)
	for _, part := range []struct {
		calls int64
		what  string
	}{
		{c.Unpriced, "without a price, since the model is not in cost::models"},
		{c.WithoutUsage, "without usage, and so without cost"},
		{c.Uncertain, "perhaps too low, since nothing tells whether the input includes cached tokens; " +
			"cost::models[]::input_includes_cached says so"},
		{c.Limited, "with more tokens in a part than in the whole, and limited to it"},
	} {
		if part.calls > 0 {
			fmt.Fprintf(b, "            %s %s\n", progress.Count(part.calls, "call"), part.what)
		}
	}
}

// number writes a mean with four decimals, or four digits if it is small, and without an exponent.
func number(f float64) string {
	if small := math.Abs(f); small > 0 && small < 0.1 {
		rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'e', 3, 64), 64)
		if err == nil {
			return strconv.FormatFloat(rounded, 'f', -1, 64)
		}
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", f), "0"), ".")
}

// money writes an amount: two decimals from 1 on, six at most below.
func money(amount float64, currency string) string {
	text := fmt.Sprintf("%.2f", amount)
	switch {
	case amount == 0:
		text = "0"
	case amount < 0.0000005:
		return "less than " + money(0.000001, currency)
	case amount < 0.1:
		text = number(amount)
		if len(text) > len("0.000000") {
			text = fmt.Sprintf("%.6f", amount)
		}
	case amount < 1:
		text = number(amount)
	}
	if currency == "USD" {
		return "$" + text
	}
	return text + " " + currency
}
