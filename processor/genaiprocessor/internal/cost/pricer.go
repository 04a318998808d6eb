// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"math"
	"strings"
	"time"

	"github.com/gobwas/glob"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
)

// Pricer adds costs to spans. It is safe for concurrent use.
type Pricer struct {
	currency, priceList string
	wholeTraces         bool
	exact               map[string][]*modelPrice // by name of the model
	globs               []*modelPrice
	tools               []tool
}

type modelPrice struct {
	provider matcher
	model    matcher
	from, to pcommon.Timestamp // to is exclusive
	rates    rates
	long     []longContext // ascending
	cached   usage.Cached  // what the configuration says of the reported input
}

type longContext struct {
	above int64
	rates rates
}

// rates are complete prices per million tokens.
type rates struct{ input, output, cacheRead, cacheWrite, cacheWrite1h, reasoning float64 }

type tool struct {
	name    matcher
	perCall float64
}

// matcher is an exact name or a glob.
type matcher struct {
	name string
	glob glob.Glob // nil for an exact name
}

func newMatcher(pattern string) (matcher, error) {
	if !strings.ContainsAny(pattern, `*?[{\`) {
		return matcher{name: pattern}, nil
	}
	g, err := glob.Compile(pattern)
	return matcher{glob: g}, err
}

func (m matcher) match(s string) bool {
	if m.glob != nil {
		return m.glob.Match(s)
	}
	return m.name == s
}

// New returns a pricer for the prices of a valid configuration, or the error of its Validate.
func New(c Config) (*Pricer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Pricer{currency: c.Currency, priceList: c.PriceList, wholeTraces: c.WholeTraces,
		exact: map[string][]*modelPrice{}}
	if p.currency == "" {
		p.currency = "USD"
	}
	for i := range c.Models {
		m, err := newModelPrice(&c.Models[i])
		if err != nil {
			return nil, err
		}
		if m.model.glob == nil {
			p.exact[m.model.name] = append(p.exact[m.model.name], m)
		} else {
			p.globs = append(p.globs, m)
		}
	}
	for _, t := range c.Tools {
		name, err := newMatcher(t.Match)
		if err != nil {
			return nil, err
		}
		p.tools = append(p.tools, tool{name: name, perCall: *t.PerCall})
	}
	return p, nil
}

// Currency is that of all costs.
func (p *Pricer) Currency() string { return p.currency }

func newModelPrice(c *ModelPrice) (*modelPrice, error) {
	m := &modelPrice{rates: c.resolve()}
	if included := c.InputIncludesCached; included != nil {
		m.cached = usage.CachedExcluded
		if *included {
			m.cached = usage.CachedIncluded
		}
	}
	var err error
	if m.model, err = newMatcher(c.Match.Model); err != nil {
		return nil, err
	}
	provider := c.Match.Provider
	if provider == "" {
		provider = "*"
	}
	if m.provider, err = newMatcher(provider); err != nil {
		return nil, err
	}
	m.from, m.to = timestamp(c.ValidFrom, 0), timestamp(c.ValidTo, math.MaxUint64)
	for _, l := range c.LongContext {
		m.long = append(m.long, longContext{above: l.Above, rates: l.resolve()})
	}
	return m, nil
}

// timestamp returns t in the form in which spans have their times, or unset. A date beyond what
// that form can hold, such as 9999-12-31, is the nearest that it can.
func timestamp(t Time, unset pcommon.Timestamp) pcommon.Timestamp {
	switch {
	case t.at.IsZero():
		return unset
	case t.at.Before(time.Unix(0, 0)):
		return 0
	case t.at.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return pcommon.NewTimestampFromTime(t.at)
}

func (r *Rates) resolve() rates {
	or := func(p *float64, fallback float64) float64 {
		if p == nil {
			return fallback
		}
		return *p
	}
	out := rates{input: *r.Input, output: *r.Output}
	out.cacheRead = or(r.CacheRead, out.input)
	out.cacheWrite = or(r.CacheWrite, out.input)
	out.cacheWrite1h = or(r.CacheWrite1h, out.cacheWrite)
	out.reasoning = or(r.Reasoning, out.output)
	return out
}

// find returns the price of a call, or nil.
func (p *Pricer) find(s *spans.Span, at pcommon.Timestamp) *modelPrice {
	models := [...]string{s.ResponseModel, s.RequestModel}
	for _, model := range models {
		for _, m := range p.exact[model] {
			if m.applies(s, at) {
				return m
			}
		}
	}
	for _, model := range models {
		if model == "" {
			continue
		}
		for _, m := range p.globs {
			if m.applies(s, at) && m.model.match(model) {
				return m
			}
		}
	}
	return nil
}

// applies reports whether the price holds at that time for one of the names of the call's provider:
// MLflow and the conventions have different ones.
func (m *modelPrice) applies(s *spans.Span, at pcommon.Timestamp) bool {
	return at >= m.from && at < m.to && (m.provider.match(s.Provider) || s.OtherProvider != "" &&
		m.provider.match(s.OtherProvider))
}

// cost returns what a call costs, in units of the currency.
func (m *modelPrice) cost(t *usage.Tokens) (input, output float64) {
	r := &m.rates
	for i := range m.long {
		if t.Input > m.long[i].above {
			r = &m.long[i].rates
		}
	}
	const million = 1e6
	input = (float64(t.Input-t.CacheRead-t.CacheWrite)*r.input + float64(t.CacheRead)*r.cacheRead +
		float64(t.CacheWrite-t.CacheWrite1h)*r.cacheWrite + float64(t.CacheWrite1h)*r.cacheWrite1h) / million
	output = (float64(t.Output-t.Reasoning)*r.output + float64(t.Reasoning)*r.reasoning) / million
	return input, output
}
