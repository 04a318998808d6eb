// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package usage

// Cached says whether the reported input includes the tokens that were read from a cache or written
// to it.
type Cached int8

// The ways of reporting.
const (
	CachedUnknown  Cached = iota
	CachedIncluded        // input = new + read + written: the convention
	CachedExcluded        // input = new
)

// Tokens are the numbers of a call in one meaning. Input includes cached tokens, Output includes
// reasoning, and no part is larger than its whole.
type Tokens struct {
	Input, Output                       int64
	CacheRead, CacheWrite, CacheWrite1h int64
	Reasoning                           int64
	// Uncertain: nothing tells whether the reported input includes cached tokens. They are taken as
	// included, which is the convention.
	Uncertain bool
	// Limited: a reported part is larger than its whole and was taken as the whole.
	Limited bool
}

// Resolve decides what the numbers of u mean, by evidence in this order: an input below the cached
// tokens excludes them, and an output below reasoning, or of a document that says so, excludes
// that; a total that fits exactly one meaning; what the producer is known to do; else the
// conventions, which include both. Sums that the mlflow receiver derived include both.
func (u *Usage) Resolve(producer Cached) Tokens {
	in, out := u.n[FieldInput], u.n[FieldOutput]
	cached, reasoning := u.cached(), u.n[FieldReasoning]
	t := Tokens{CacheRead: u.n[FieldCacheRead], CacheWrite: u.cacheWrite(),
		CacheWrite1h: u.n[FieldCacheWrite1h], Reasoning: reasoning}

	beside := cached > in && !u.derivedInput // cached tokens are reported beside input, reasoning beside output
	outside := (reasoning > out || u.reasoningApart) && !u.derivedOutput
	decided := cached == 0 || beside || u.derivedInput
	if fit, ok := u.fit(beside, outside); ok && !decided {
		beside, outside, decided = fit.beside, fit.outside, true
	} else if ok {
		outside = fit.outside
	}
	if !decided {
		beside = producer == CachedExcluded
		t.Uncertain = producer == CachedUnknown
	}
	t.Input, t.Output = in, out
	if beside {
		t.Input += cached
	}
	if outside {
		t.Output += reasoning
	}
	t.limit()
	return t
}

// cacheWrite returns what was written to a cache. Where only writes of an hour are reported, they
// are all. Where those of five minutes are, both are all: producers that tell them apart may report 0 as
// the whole, so that a sum of the numbers is right.
func (u *Usage) cacheWrite() int64 {
	switch {
	case u.Has(FieldCacheWrite5m):
		return max(u.n[FieldCacheWrite], u.n[FieldCacheWrite5m]+u.n[FieldCacheWrite1h])
	case u.Has(FieldCacheWrite):
		return u.n[FieldCacheWrite]
	}
	return u.n[FieldCacheWrite1h]
}

func (u *Usage) cached() int64 { return u.n[FieldCacheRead] + u.cacheWrite() }

// meaning is a way to read the numbers.
type meaning struct{ beside, outside bool }

// fit returns the only meaning in which input and output make the reported total, among those that
// the numbers allow. ok is false if there is no total, or if none or several fit.
func (u *Usage) fit(beside, outside bool) (found meaning, ok bool) {
	if !u.Has(FieldTotal) {
		return found, false
	}
	cached, reasoning := u.cached(), u.n[FieldReasoning]
	n := 0
	for _, m := range [...]meaning{{false, false}, {true, false}, {false, true}, {true, true}} {
		if beside && !m.beside || outside && !m.outside || m.beside && (cached == 0 || u.derivedInput) ||
			m.outside && (reasoning == 0 || u.derivedOutput) {
			continue
		}
		sum := u.n[FieldInput] + u.n[FieldOutput]
		if m.beside {
			sum += cached
		}
		if m.outside {
			sum += reasoning
		}
		if sum == u.n[FieldTotal] {
			found = m
			n++
		}
	}
	return found, n == 1
}

// limit makes no part larger than its whole.
func (t *Tokens) limit() {
	bound := func(n *int64, most int64) {
		if *n > most {
			*n, t.Limited = most, true
		}
	}
	bound(&t.CacheRead, t.Input)
	bound(&t.CacheWrite, t.Input-t.CacheRead)
	bound(&t.CacheWrite1h, t.CacheWrite)
	bound(&t.Reasoning, t.Output)
}
