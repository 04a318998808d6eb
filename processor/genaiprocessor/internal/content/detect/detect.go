// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "slices"

// Detector finds texts of one form.
type Detector struct {
	// Name is what a match is replaced by, in brackets, and what a configuration calls the
	// detector.
	Name string
	// Strong says that what it finds is never part of an id.
	Strong bool
	// Numbers says that what it finds has decimal digits.
	Numbers bool
	// Whole says that a number that isn't text, such as 4111111111111111 in JSON, may be one.
	Whole bool
	// Find returns the first match that begins at or after from, or -1. key is what the text is the
	// value of, or empty.
	Find func(s string, from int, key string) (start, end int)
}

// names are those of all detectors in the order in which they are applied: what one has replaced
// the next doesn't see.
var names = []string{"api_key", "email", "iban", "card", "ip", "phone"}

// Names are those of all detectors.
func Names() []string { return slices.Clone(names) }

// New returns the detectors that are named, all if none is, in the order in which they are to be
// applied. National phone numbers are those of regions; numbers in international form are found
// whatever the regions are.
func New(named, regions []string) []Detector {
	all := []Detector{
		{Name: "api_key", Strong: true, Find: findKey},
		{Name: "email", Strong: true, Find: findEmail},
		{Name: "iban", Numbers: true, Find: findIBAN},
		{Name: "card", Numbers: true, Whole: true, Find: findCard},
		{Name: "ip", Numbers: true, Find: findIP},
		{Name: "phone", Numbers: true, Whole: true, Find: newPhones(regions).find},
	}
	return slices.DeleteFunc(all, func(d Detector) bool { return len(named) > 0 && !slices.Contains(named, d.Name) })
}

// HasDigits reports whether a text has a decimal digit of any script. Without one only detectors
// that don't have Numbers find something.
func HasDigits(s string) bool { return nextDigit(s, 0) < len(s) }
