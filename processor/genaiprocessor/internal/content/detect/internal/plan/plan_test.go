// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// byLibrary is what the library itself says of a number that was dialled in a region.
func byLibrary(digits, region string) (mobile, ok bool) {
	n, err := phonenumbers.ParseAndKeepRawInput(digits, region)
	if err != nil || n.GetCountryCodeSource() != phonenumbers.PhoneNumber_FROM_DEFAULT_COUNTRY ||
		!phonenumbers.IsValidNumber(n) {
		return false, false
	}
	kind := phonenumbers.GetNumberType(n)
	mobile = kind == phonenumbers.MOBILE || kind == phonenumbers.FIXED_LINE_OR_MOBILE
	return mobile, phonenumbers.IsNationalPrefixPresentIfRequired(n)
}

// mutants are example numbers of a region with some digits changed, with and without the national
// prefix, and random ones.
func mutants(t *testing.T, r *rand.Rand, region string, emit func(digits string)) {
	types := []phonenumbers.PhoneNumberType{
		phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE, phonenumbers.VOIP,
		phonenumbers.UAN,
	}
	for _, kind := range types {
		n := phonenumbers.GetExampleNumberForType(region, kind)
		if n == nil {
			continue
		}
		require.NotNil(t, n)
		nsn := phonenumbers.GetNationalSignificantNumber(n)
		prefix := phonenumbers.GetNddPrefixForRegion(region, true)
		emit(nsn)
		emit(prefix + nsn)
		for range 3 {
			changed := []byte(nsn)
			for range 1 + r.IntN(3) {
				changed[r.IntN(len(changed))] = byte('0' + r.IntN(10))
			}
			emit(string(changed))
			emit(prefix + string(changed))
		}
		emit(prefix + nsn + "7")
		emit(prefix + nsn[:len(nsn)-1])
	}
	for range 5 {
		digits := make([]byte, 4+r.IntN(12))
		for i := range digits {
			digits[i] = byte('0' + r.IntN(10))
		}
		emit(string(digits))
	}
}

// The rules are the library's, in every region.
func TestTheLibraryAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	numbers, good := 0, 0
	for _, region := range Regions() {
		mutants(t, r, region, func(digits string) {
			mobile, ok := byLibrary(digits, region)
			got, valid := National(digits, region)
			numbers++
			if ok {
				good++
				require.True(t, valid, "%s in %s", digits, region)
				assert.Equal(t, mobile, got.Mobile, "%s in %s", digits, region)
				return
			}
			if valid { // the library reads some as international numbers
				n, err := phonenumbers.ParseAndKeepRawInput(digits, region)
				if errors.Is(err, phonenumbers.ErrInvalidCountryCode) {
					return
				}
				require.NoError(t, err)
				assert.NotEqual(t, phonenumbers.PhoneNumber_FROM_DEFAULT_COUNTRY, n.GetCountryCodeSource(),
					"%s in %s", digits, region)
			}
		})
	}
	assert.Greater(t, good, numbers/10)
	assert.Less(t, good, numbers*9/10)
}

func TestInternational(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, region := range Regions() {
		code := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(region))
		mutants(t, r, region, func(digits string) {
			n, err := phonenumbers.Parse("+"+code+digits, "ZZ")
			if err != nil || phonenumbers.GetNationalSignificantNumber(n) != digits {
				return // a national prefix after the calling code
			}
			assert.Equal(t, phonenumbers.IsValidNumber(n), ValidInternational(code+digits), "+%s %s", code, digits)
			assert.Equal(t, phonenumbers.IsValidNumber(n), OfCountry(code+digits, region), "+%s %s", code, digits)
			if ValidInternational(code + digits) {
				assert.True(t, International(code+digits))
			}
		})
	}
	assert.True(t, International("80012345678"), "a calling code of no country")
	assert.False(t, International("99912345678"))
	assert.False(t, International(""))
}

func TestNational(t *testing.T) {
	n, ok := National("015112345678", "DE")
	assert.True(t, ok)
	assert.Equal(t, 1, n.Prefix)
	assert.Equal(t, "15112345678", n.NSN)
	assert.True(t, n.Mobile)
	assert.Equal(t, []int{4, 7}, n.Groups())
	_, ok = National("15112345678", "DE")
	assert.False(t, ok, "the national prefix is missing")
	_, ok = National("015112345678", "XX")
	assert.False(t, ok)
	assert.Contains(t, Regions(), "DE")
	assert.NotContains(t, Regions(), World)
}

func BenchmarkNational(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		National("015112345678", "DE")
	}
}
