// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package encodings

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gobwas/glob"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/tokens"
)

// Rule gives the models that match an encoding. Match is an exact name or a glob.
type Rule struct {
	Match    string `mapstructure:"match"`    // the name of a model or a glob
	Encoding string `mapstructure:"encoding"` // one of tokens.Names
}

// IsGlob reports whether the rule's match has characters that stand for others.
func (r Rule) IsGlob() bool { return strings.ContainsAny(r.Match, `*?[{\`) }

// Choice is an encoding that was chosen for a model.
type Choice struct {
	Name string // of the encoding
	// Approximate is true unless the encoding is known to be the model's.
	Approximate bool
	// Chat is true for models of OpenAI's chat format.
	Chat  bool
	Count func(text string) int // returns the number of tokens of a text
}

// Chooser chooses encodings. It may be used by any number of goroutines.
type Chooser struct {
	rules    []compiled
	counters map[string]func(string) int
	fallback string

	mu    sync.RWMutex
	known map[[2]string]Choice
}

type compiled struct {
	Rule
	matches func(model string) bool
}

// maxKnown bounds the models whose choice is remembered: names come from the traffic.
const maxKnown = 1024

// New returns a chooser over rules, of which those with an exact name come first and otherwise the
// first that matches counts, and an encoding for models that neither the rules nor tiktoken's table
// know.
func New(engine Engine, rules []Rule, fallback string) (*Chooser, error) {
	c := &Chooser{counters: map[string]func(string) int{}, fallback: fallback, known: map[[2]string]Choice{}}
	var globs []compiled
	for i, r := range rules {
		if !r.IsGlob() {
			c.rules = append(c.rules, compiled{r, func(model string) bool { return model == r.Match }})
		} else if g, err := glob.Compile(r.Match); err != nil {
			return nil, fmt.Errorf("model_encodings[%d]::match: %q is not a glob", i, r.Match)
		} else {
			globs = append(globs, compiled{r, g.Match})
		}
	}
	c.rules = append(c.rules, globs...)
	names := tokens.Names()
	for _, name := range names {
		count, err := engine.counter(name)
		if err != nil {
			return nil, err
		}
		c.counters[name] = count
	}
	for _, r := range append(slices.Clone(rules), Rule{Encoding: fallback}) {
		if c.counters[r.Encoding] == nil {
			return nil, fmt.Errorf("unknown token encoding %q, use one of %s", r.Encoding, strings.Join(names, ", "))
		}
	}
	return c, nil
}

// For returns the choice for a span whose call asked for one model and was answered by another;
// either may be empty. What the rules or the table know of the requested model comes first.
func (c *Chooser) For(request, response string) Choice {
	key := [2]string{request, response}
	c.mu.RLock()
	choice, ok := c.known[key]
	c.mu.RUnlock()
	if ok {
		return choice
	}
	choice = c.choose(request, response)
	c.mu.Lock()
	if len(c.known) < maxKnown {
		// Names are part of the batch that they came in.
		c.known[[2]string{strings.Clone(request), strings.Clone(response)}] = choice
	}
	c.mu.Unlock()
	return choice
}

func (c *Chooser) choose(request, response string) Choice {
	models := []string{request}
	if response != "" && response != request {
		models = append(models, response)
	}
	for _, model := range models {
		for _, r := range c.rules {
			if !r.matches(model) {
				continue
			}
			e, exact := tokens.ForModel(model)
			same := exact && counting(e.Name()) == counting(r.Encoding)
			return c.choice(r.Encoding, !same && r.IsGlob(), same && isChat(r.Encoding))
		}
	}
	for _, model := range models {
		if e, exact := tokens.ForModel(model); exact {
			return c.choice(e.Name(), false, isChat(e.Name()))
		}
	}
	return c.choice(c.fallback, true, false)
}

func (c *Chooser) choice(name string, approximate, chat bool) Choice {
	return Choice{Name: name, Approximate: approximate, Chat: chat, Count: c.counters[name]}
}

// counting returns one name for all encodings that count the same.
func counting(encoding string) string {
	switch encoding {
	case "o200k_harmony":
		return "o200k_base"
	case "p50k_edit":
		return "p50k_base"
	case "gpt2":
		return "r50k_base"
	}
	return encoding
}

func isChat(encoding string) bool { return encoding == "cl100k_base" || encoding == "o200k_base" }
