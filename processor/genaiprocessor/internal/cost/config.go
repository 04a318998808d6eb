// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gobwas/glob"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the prices of a contract. Without models and tools nothing is priced.
type Config struct {
	// Currency is the ISO 4217 code of all prices, USD if empty.
	Currency string `mapstructure:"currency"`
	// PriceList is a name of your own for the prices, recorded on each span that is priced. Empty:
	// not recorded.
	PriceList string `mapstructure:"price_list"`
	// Models are the prices of models. Entries with an exact name come before those with a glob;
	// among equals the first that matches counts.
	Models []ModelPrice `mapstructure:"models"`
	// Tools are the prices of tool calls. The first that matches counts.
	Tools []ToolPrice `mapstructure:"tools"`

	// WholeTraces says that every batch holds whole traces although they don't come from the mlflow
	// receiver, because groupbytrace stands in front. Without it contract_cost_trace_total is
	// written for traces of the receiver only.
	WholeTraces bool `mapstructure:"whole_traces"`
}

// ModelPrice is what one model costs for some time.
type ModelPrice struct {
	Match ModelMatch `mapstructure:"match"`
	// ValidFrom (inclusive) and ValidTo (exclusive) bound the ends of the spans that the prices are
	// for. Not set: no bound.
	ValidFrom Time `mapstructure:"valid_from"`
	ValidTo   Time `mapstructure:"valid_to"`

	Rates `mapstructure:",squash"`

	// InputIncludesCached says whether the reported input of these calls includes cached tokens.
	// Not set: each span is decided by what it reports and who made it.
	InputIncludesCached *bool `mapstructure:"input_includes_cached"`

	// LongContext are other rates for the whole request from a size of the input on.
	LongContext []LongContext `mapstructure:"long_context"`
}

// Rates are prices per million tokens. Input and Output are required; what isn't written of the
// others falls back as its comment says.
type Rates struct {
	Input        *float64 `mapstructure:"input"`          // tokens that the model reads
	Output       *float64 `mapstructure:"output"`         // tokens that the model writes
	CacheRead    *float64 `mapstructure:"cache_read"`     // input
	CacheWrite   *float64 `mapstructure:"cache_write"`    // input
	CacheWrite1h *float64 `mapstructure:"cache_write_1h"` // cache_write
	Reasoning    *float64 `mapstructure:"reasoning"`      // output
}

// LongContext are the rates of a request with more than Above input tokens, cached ones included.
// They replace all rates of the entry.
type LongContext struct {
	Above int64 `mapstructure:"above"` // a number of input tokens
	Rates `mapstructure:",squash"`
}

// ModelMatch selects models: exact names or globs (* ? [a-z] {a,b}), case counts. Just `match:
// "gpt-4o*"` is short for a model of any provider.
type ModelMatch struct {
	Provider string `mapstructure:"provider"` // empty: any
	Model    string `mapstructure:"model"`
}

// UnmarshalScalar implements confmap.ScalarUnmarshaler, for the short form.
func (m *ModelMatch) UnmarshalScalar(v confmap.ScalarValue) error {
	s, ok := v.GetRaw().(string)
	if !ok {
		return fmt.Errorf("match is %v; write the name of a model in quotes, or {provider: …, model: …}", v.GetRaw())
	}
	*m = ModelMatch{Model: s}
	return nil
}

// ToolPrice is what one call of a tool costs, whether it succeeds or not.
type ToolPrice struct {
	Match   string   `mapstructure:"match"`    // name of the tool, exact or a glob
	PerCall *float64 `mapstructure:"per_call"` // in the currency
}

// Time is a point in time as people write it, with or without quotes: RFC 3339 or a date, which is
// its first moment in UTC. The zero Time is "not set".
type Time struct{ at time.Time }

// UnmarshalScalar implements confmap.ScalarUnmarshaler.
func (t *Time) UnmarshalScalar(v confmap.ScalarValue) error {
	switch raw := v.GetRaw().(type) {
	case nil:
		*t = Time{}
		return nil
	case time.Time:
		*t = Time{at: raw}
		return nil
	case string:
		if raw == "" {
			*t = Time{}
			return nil
		}
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if at, err := time.Parse(layout, raw); err == nil {
				*t = Time{at: at}
				return nil
			}
		}
	}
	return fmt.Errorf("%v is not a time; write RFC 3339 (2026-10-01T00:00:00Z) or a date (2026-10-01)", v.GetRaw())
}

// MarshalScalar implements confmap.ScalarMarshaler.
func (t Time) MarshalScalar(v confmap.ScalarValue) error {
	if t.at.IsZero() {
		return v.Marshal("")
	}
	return v.Marshal(t.at.Format(time.RFC3339Nano))
}

// Validate reports the first mistake, with its key, its value and what to write instead.
func (c *Config) Validate() error {
	if c.Currency != "" && (len(c.Currency) != 3 || strings.Trim(c.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		return fmt.Errorf("currency is %q; write an ISO 4217 code like USD or EUR", c.Currency)
	}
	if c.WholeTraces && len(c.Models)+len(c.Tools) == 0 {
		return errors.New("whole_traces is true but there are no prices; write models or tools, or remove it")
	}
	for i := range c.Models {
		if err := c.Models[i].validate(); err != nil {
			return fmt.Errorf("models[%d]: %w", i, err)
		}
	}
	for i, t := range c.Tools {
		if t.Match == "" {
			return fmt.Errorf(`tools[%d]: match is empty; write the name of a tool or a glob ("*" for all)`, i)
		}
		if _, err := glob.Compile(t.Match); err != nil {
			return fmt.Errorf("tools[%d]: match is %q, which is not a glob: %w", i, t.Match, err)
		}
		if t.PerCall == nil {
			return fmt.Errorf("tools[%d]: per_call is missing; write the price of one call", i)
		}
		if err := price("per_call", t.PerCall); err != nil {
			return fmt.Errorf("tools[%d]: %w", i, err)
		}
	}
	return nil
}

func (m *ModelPrice) validate() error {
	if m.Match.Model == "" {
		return errors.New(`match has no model; write the name of a model or a glob ("*" for all)`)
	}
	for key, pattern := range map[string]string{"model": m.Match.Model, "provider": m.Match.Provider} {
		if _, err := glob.Compile(pattern); err != nil {
			return fmt.Errorf("%s in match is %q, which is not a glob: %w", key, pattern, err)
		}
	}
	if !m.ValidTo.at.IsZero() && !m.ValidFrom.at.Before(m.ValidTo.at) {
		return fmt.Errorf("valid_to %s is not after valid_from %s; swap them or remove one",
			m.ValidTo.at.Format(time.RFC3339), m.ValidFrom.at.Format(time.RFC3339))
	}
	if err := m.Rates.validate(); err != nil {
		return err
	}
	base := m.named()
	for i, l := range m.LongContext {
		if l.Above <= 0 {
			return fmt.Errorf(
				"long_context[%d]: above is %d; write the number of input tokens from which on these rates hold", i,
				l.Above)
		}
		if i > 0 && l.Above <= m.LongContext[i-1].Above {
			return fmt.Errorf(
				"long_context[%d]: above is %d, not more than the %d before it; write them in ascending order", i,
				l.Above, m.LongContext[i-1].Above)
		}
		if err := l.Rates.validate(); err != nil {
			return fmt.Errorf("long_context[%d]: %w", i, err)
		}
		for j, r := range l.named() {
			if r.price == nil && base[j].price != nil {
				return fmt.Errorf(
					"long_context[%d]: %s is missing; the entry has one, and these rates replace all of the entry's", i,
					r.key)
			}
		}
	}
	return nil
}

type rate struct {
	key   string
	price *float64
}

func (r *Rates) named() []rate {
	return []rate{{"input", r.Input}, {"output", r.Output}, {"cache_read", r.CacheRead}, {"cache_write", r.CacheWrite},
		{"cache_write_1h", r.CacheWrite1h}, {"reasoning", r.Reasoning}}
}

func (r *Rates) validate() error {
	for i, n := range r.named() {
		if n.price == nil {
			if i < 2 {
				return fmt.Errorf("%s is missing; write the price of a million tokens (0 if there is none)", n.key)
			}
			continue
		}
		if err := price(n.key, n.price); err != nil {
			return err
		}
	}
	return nil
}

func price(key string, p *float64) error {
	if *p < 0 || math.IsNaN(*p) || math.IsInf(*p, 0) {
		return fmt.Errorf("%s is %v; a price is a number from 0 on", key, *p)
	}
	return nil
}
