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
		`hash_key is missing, and action is hash`:            {Action: ActionHash},
		`hash_key has 5 bytes; write at least 16`:            {Action: ActionDrop, HashKey: "short"},
		"hash_key is missing: with action drop ids of users and human assessors are hashed; write a secret of your " +
			"own, such as ${env:GENAI_HASH_KEY} made by `openssl rand -hex 32`, or person_ids: drop": {
			Action: ActionDrop},
		`hash_key is missing: with action mask`: {Action: ActionMask, PersonIDs: PersonIDsHash},
		`hash_key is set, but action is drop and person_ids is drop`: {Action: ActionDrop,
			PersonIDs: PersonIDsDrop, HashKey: secret},
		`person_ids is "remove"; write hash or drop`: {Action: ActionDrop,
			PersonIDs: "remove", HashKey: secret},
		`person_ids is drop, but action is keep`: {PersonIDs: PersonIDsDrop},
		`hash_key is set, but action is keep`:    {HashKey: secret},
		`keep has 1 entries, but action is mask`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			Keep: []string{"a"}},
		`keep[0] is "["; write the key of an attribute`: {Action: ActionDrop, PersonIDs: PersonIDsDrop,
			Keep: []string{"["}},
		`keep[0] is ""`: {Action: ActionDrop, PersonIDs: PersonIDsDrop, Keep: []string{""}},
		`detectors or patterns are set, but action is drop`: {Action: ActionDrop, PersonIDs: PersonIDsDrop,
			Detectors: []string{"email"}},
		`detectors[0] is "mail"; write some of api_key, email`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			Detectors: []string{"mail"}},
		`detectors[1] is "none"`: {Action: ActionMask, PersonIDs: PersonIDsDrop, Detectors: []string{"email", "none"}},
		`phone_regions is set, but action is drop; choose mask`: {Action: ActionDrop, PersonIDs: PersonIDsDrop,
			PhoneRegions: []string{"DE"}},
		`phone_regions is set, but detectors doesn't list phone`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			Detectors: []string{"email"}, PhoneRegions: []string{"DE"}},
		`phone_regions[1] is "de"; write it in capitals: DE`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			PhoneRegions: []string{"US", "de"}},
		`phone_regions[0] is "UK"; write GB, the code`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			PhoneRegions: []string{"UK"}},
		`phone_regions[0] is "Germany", for which no phone numbers are known; write the two letters`: {
			Action:    ActionMask,
			PersonIDs: PersonIDsDrop, PhoneRegions: []string{"Germany"}},
		`phone_regions[0] is "001", for which`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			PhoneRegions: []string{"001"}},
		`phone_regions[1] is none; write it alone`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			PhoneRegions: []string{"DE", "none"}},
		`detectors is none and there are no patterns`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			Detectors: []string{"none"}},
		`patterns[0] is "(", which is not a regular expression`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			Patterns: []string{"("}},
		`patterns[0] is "a*", which matches an empty text`: {Action: ActionMask, PersonIDs: PersonIDsDrop,
			Patterns: []string{"a*"}},
	} {
		require.ErrorContains(t, c.Validate(), want)
		_, err := New(c)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), secret)
	}
	for _, c := range []Config{{}, {Action: ActionKeep}, {Action: ActionKeep, PersonIDs: PersonIDsHash},
		{Action: ActionDrop, PersonIDs: PersonIDsDrop}, {Action: ActionDrop, HashKey: secret},
		{Action: ActionHash, HashKey: secret},
		{Action: ActionHash, PersonIDs: PersonIDsDrop, HashKey: secret}, {Action: ActionMask, PersonIDs: PersonIDsDrop},
		{Action: ActionMask, PersonIDs: PersonIDsDrop, Detectors: []string{"none"}, Patterns: []string{"x+"}},
		{Action: ActionMask, PersonIDs: PersonIDsDrop, PhoneRegions: []string{"DE", "CH"}},
		{Action: ActionMask, PersonIDs: PersonIDsDrop, PhoneRegions: []string{"none"}}} {
		require.NoError(t, c.Validate())
	}
}
