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
		`hash_key is set, but action is keep`:                {HashKey: secret},
		`keep has 1 entries, but action is mask`:             {Action: Mask, Keep: []string{"a"}},
		`keep[0] is "["; write the key of an attribute`:      {Action: Drop, Keep: []string{"["}},
		`keep[0] is ""`: {Action: Drop, Keep: []string{""}},
		`detectors or patterns are set, but action is drop`:     {Action: Drop, Detectors: []string{"email"}},
		`detectors[0] is "mail"; write some of api_key, email`:  {Action: Mask, Detectors: []string{"mail"}},
		`detectors[1] is "none"`:                                {Action: Mask, Detectors: []string{"email", "none"}},
		`detectors is none and there are no patterns`:           {Action: Mask, Detectors: []string{"none"}},
		`patterns[0] is "(", which is not a regular expression`: {Action: Mask, Patterns: []string{"("}},
		`patterns[0] is "a*", which matches an empty text`:      {Action: Mask, Patterns: []string{"a*"}},
	} {
		require.ErrorContains(t, c.Validate(), want)
		_, err := New(c)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), secret)
	}
	for _, c := range []Config{{}, {Action: Keep}, {Action: Drop}, {Action: Hash, HashKey: secret}, {Action: Mask}, {Action: Mask, Detectors: []string{"none"}, Patterns: []string{"x+"}}} {
		require.NoError(t, c.Validate())
	}
}
