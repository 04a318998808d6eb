// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/assert"
)

// The library's own examples of fixed and mobile numbers are found as the library writes them: in
// international form those of all regions, in national form those of each default region.
func TestTheLibrarysExamples(t *testing.T) {
	const before, after = "Please call me back at ", ", thanks."
	examples := func(region string, check func(n *phonenumbers.PhoneNumber)) {
		for _, kind := range []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE} {
			if n := phonenumbers.GetExampleNumberForType(region, kind); n != nil {
				check(n)
			}
		}
	}
	international := 0
	for _, region := range PhoneRegions() {
		examples(region, func(n *phonenumbers.PhoneNumber) {
			for _, format := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL} {
				s := phonenumbers.Format(n, format)
				if digits := len(phonenumbers.NormalizeDigitsOnly(s)); digits < 8 {
					continue // St. Helena and the like
				}
				assert.Equal(t, "见[phone]。", replaced("见"+s+"。", "", phoneOnly), "%s %s", region, s)
				international++
			}
		})
	}
	assert.Greater(t, international, 900)
	national := 0
	for _, region := range DefaultPhoneRegions {
		one := New([]string{"phone"}, []string{region})
		examples(region, func(n *phonenumbers.PhoneNumber) {
			s := phonenumbers.Format(n, phonenumbers.NATIONAL)
			if p, err := phonenumbers.Parse(s, region); err != nil || !phonenumbers.IsValidNumber(p) {
				return // what it writes for mobile numbers of Argentina it doesn't read
			}
			national++
			for _, s := range []string{s, phonenumbers.NormalizeDigitsOnly(s), strings.ReplaceAll(s, " ", "-")} {
				assert.Equal(t, before+"[phone]"+after, replaced(before+s+after, "", one), "%s %s", region, s)
				assert.Equal(t, before+"[phone]"+after, replaced(before+s+after, "", phoneOnly), "%s %s", region, s)
			}
		})
	}
	assert.Greater(t, national, 55)
}
