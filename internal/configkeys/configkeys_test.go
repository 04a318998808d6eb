// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package configkeys

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
)

type keys = map[string]any

type inner struct {
	TLS struct {
		Insecure bool `mapstructure:"insecure"`
	} `mapstructure:"tls"`
	Token string `mapstructure:"token"`
	Size  int    `mapstructure:"size"`
}

type squashed struct {
	Prefix string `mapstructure:"table_prefix"`
}

type config struct {
	URI      string                         `mapstructure:"tracking_uri"`
	HTTP     inner                          `mapstructure:"http"`
	Queue    configoptional.Optional[inner] `mapstructure:"sending_queue"`
	Rules    []inner                        `mapstructure:"rules"`
	Pointer  *inner                         `mapstructure:"pointer"`
	Squashed squashed                       `mapstructure:",squash"`
}

func TestUnmarshal(t *testing.T) {
	meant := map[string]string{"endpoint": "tracking_uri"}
	for name, x := range map[string]struct {
		written keys
		want    string // empty: no hint
	}{
		"known from elsewhere": {keys{"endpoint": "a"}, "endpoint: there is no such key; did you mean tracking_uri?"},
		"case":                 {keys{"Endpoint": "a"}, "Endpoint: there is no such key; did you mean tracking_uri?"},
		"misspelled":           {keys{"tracking_url": "a"}, "did you mean tracking_uri?"},
		"squashed":             {keys{"prefix": "a"}, "did you mean table_prefix?"},
		"in a struct": {keys{"http": keys{"tokn": "a"}},
			"http::tokn: there is no such key; did you mean http::token?"},
		"in a list": {keys{"rules": []any{keys{}, keys{"sise": 1}}},
			"rules[1]::sise: there is no such key; did you mean rules[1]::size?"},
		"in an optional":   {keys{"sending_queue": keys{"sizes": 1}}, "did you mean sending_queue::size?"},
		"behind a pointer": {keys{"pointer": keys{"tlss": keys{}}}, "did you mean pointer::tls?"},
		"several places":   {keys{"insecure": true}, ""},
		"nothing alike":    {keys{"colour": "red"}, ""},
		"wrong type":       {keys{"http": "a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := Unmarshal(confmap.NewFromStringMap(x.written), &config{}, meant)
			require.Error(t, err)
			if x.want == "" {
				require.NotContains(t, err.Error(), "did you mean")
			} else {
				require.ErrorContains(t, err, x.want)
			}
		})
	}
	var c config
	require.NoError(t, Unmarshal(confmap.NewFromStringMap(keys{"tracking_uri": "a"}), &c, meant))
	require.Equal(t, config{URI: "a"}, c)
}

type nested struct {
	HTTP inner `mapstructure:"http"`
}

func TestAnotherPlace(t *testing.T) {
	err := Unmarshal(confmap.NewFromStringMap(keys{"tls": keys{}, "insecure": true}), &nested{}, nil)
	require.ErrorContains(t, err, "tls: there is no such key; did you mean http::tls?")
	require.ErrorContains(t, err, "insecure: there is no such key; did you mean http::tls::insecure?")
}

func TestEmpty(t *testing.T) {
	empty := EmptyKeys(confmap.NewFromStringMap(keys{
		"a": nil, "b": "", "c": keys{"d": nil, "e": 1}, "f": []any{nil, "x", keys{"g": nil}},
	}))
	require.Equal(t, Empty{"a", "c::d", "f[0]", "f[2]::g"}, empty)
	require.NoError(t, empty.Explain(nil))
	cause := errors.New("a: required")
	require.ErrorIs(t, empty.Explain(cause), cause)
	require.ErrorContains(t, empty.Explain(cause),
		"a, c::d, f[0], f[2]::g: no value is written; if it comes from ${env:NAME}")
	require.Equal(t, cause, Empty(nil).Explain(cause))
}
