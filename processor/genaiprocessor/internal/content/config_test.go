// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package content

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const secret = "0123456789abcdef0123456789abcdef"

func TestMistakes(t *testing.T) {
	for want, c := range map[string]Config{
		`action is "redact"; write keep, drop, mask or hash`: {Action: "redact"},
		`hash_key is missing, and action is hash`:            {Action: Hash},
		`hash_key has 5 bytes; write at least 16`:            {Action: Drop, HashKey: "short"},
		"hash_key is missing: with action drop ids of users and human assessors are hashed; write a secret of your " +
			"own, such as ${env:GENAI_HASH_KEY} made by `openssl rand -hex 32`, or person_ids: drop": {Action: Drop},
		`hash_key is missing: with action mask`: {Action: Mask, PersonIDs: HashIDs},
		`hash_key is set, but action is drop and person_ids is drop`: {Action: Drop,
			PersonIDs: DropIDs, HashKey: secret},
		`person_ids is "remove"; write hash or drop`: {Action: Drop,
			PersonIDs: "remove", HashKey: secret},
		`person_ids is drop, but action is keep`: {PersonIDs: DropIDs},
		`hash_key is set, but action is keep`:    {HashKey: secret},
		`keep has 1 entries, but action is mask`: {Action: Mask, PersonIDs: DropIDs,
			Keep: []string{"a"}},
		`keep[0] is "["; write the key of an attribute`: {Action: Drop, PersonIDs: DropIDs,
			Keep: []string{"["}},
		`keep[0] is ""`: {Action: Drop, PersonIDs: DropIDs, Keep: []string{""}},
		`detectors or patterns are set, but action is drop`: {Action: Drop, PersonIDs: DropIDs,
			Detectors: []string{"email"}},
		`detectors[0] is "mail"; write some of api_key, email`: {Action: Mask, PersonIDs: DropIDs,
			Detectors: []string{"mail"}},
		`detectors[1] is "none"`: {Action: Mask, PersonIDs: DropIDs, Detectors: []string{"email", "none"}},
		`phone_regions is set, but action is drop; choose mask`: {Action: Drop, PersonIDs: DropIDs,
			PhoneRegions: []string{"DE"}},
		`phone_regions is set, but detectors doesn't list phone`: {Action: Mask, PersonIDs: DropIDs,
			Detectors: []string{"email"}, PhoneRegions: []string{"DE"}},
		`phone_regions[1] is "de"; write it in capitals: DE`: {Action: Mask, PersonIDs: DropIDs,
			PhoneRegions: []string{"US", "de"}},
		`phone_regions[0] is "UK"; write GB, the code`: {Action: Mask, PersonIDs: DropIDs,
			PhoneRegions: []string{"UK"}},
		`phone_regions[0] is "Germany", for which no phone numbers are known; write the two letters`: {Action: Mask,
			PersonIDs: DropIDs, PhoneRegions: []string{"Germany"}},
		`phone_regions[0] is "001", for which`: {Action: Mask, PersonIDs: DropIDs, PhoneRegions: []string{"001"}},
		`phone_regions[1] is none; write it alone`: {Action: Mask, PersonIDs: DropIDs,
			PhoneRegions: []string{"DE", "none"}},
		`detectors is none and there are no patterns`: {Action: Mask, PersonIDs: DropIDs,
			Detectors: []string{"none"}},
		`patterns[0] is "(", which is not a regular expression`: {Action: Mask, PersonIDs: DropIDs,
			Patterns: []string{"("}},
		`patterns[0] is "a*", which matches an empty text`: {Action: Mask, PersonIDs: DropIDs,
			Patterns: []string{"a*"}},
	} {
		require.ErrorContains(t, c.Validate(), want)
		_, err := New(c)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), secret)
	}
	for _, c := range []Config{{}, {Action: Keep}, {Action: Keep, PersonIDs: HashIDs},
		{Action: Drop, PersonIDs: DropIDs}, {Action: Drop, HashKey: secret}, {Action: Hash, HashKey: secret},
		{Action: Hash, PersonIDs: DropIDs, HashKey: secret}, {Action: Mask, PersonIDs: DropIDs},
		{Action: Mask, PersonIDs: DropIDs, Detectors: []string{"none"}, Patterns: []string{"x+"}},
		{Action: Mask, PersonIDs: DropIDs, PhoneRegions: []string{"DE", "CH"}},
		{Action: Mask, PersonIDs: DropIDs, PhoneRegions: []string{"none"}}} {
		require.NoError(t, c.Validate())
	}
}
