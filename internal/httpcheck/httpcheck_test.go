// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package httpcheck

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
)

func TestClient(t *testing.T) {
	type keys = map[string]any
	tls := func(k keys) keys { return keys{"tls": k} }
	for name, x := range map[string]struct {
		keys keys
		want string // empty: nothing is wrong
	}{
		"nothing written":         {keys{}, ""},
		"proxy":                   {keys{"proxy_url": "http://proxy:3128"}, ""},
		"proxy with a password":   {keys{"proxy_url": "http://user:canary@proxy:3128"}, "HTTPS_PROXY"},
		"proxy with a name":       {keys{"proxy_url": "http://canary@proxy:3128"}, "HTTPS_PROXY"},
		"socks":                   {keys{"proxy_url": "socks5h://proxy:1080"}, ""},
		"proxy without scheme":    {keys{"proxy_url": "canary:3128"}, "proxy_url: this is no address"},
		"proxy of another scheme": {keys{"proxy_url": "ftp://canary"}, "proxy_url: this is no address"},
		"proxy that is no URL":    {keys{"proxy_url": "http://canary:x"}, "proxy_url: this is no address"},
		"files are not read": {tls(keys{"ca_file": "/nowhere", "cert_file": "/nowhere", "key_file": "/nowhere"}),
			""},
		"the module is not opened": {tls(keys{"tpm": keys{"enabled": true, "path": "/nowhere"}}), ""},
		"a cipher suite": {tls(keys{"cipher_suites": []any{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}}),
			""},
		"no cipher suite": {tls(keys{"cipher_suites": []any{"rot13"}}),
			"tls: failed to load TLS config: invalid TLS cipher suite"},
		"no curve": {tls(keys{"curve_preferences": []any{"round"}}),
			"tls: failed to load TLS config: invalid curve"},
		"no certificate": {tls(keys{"ca_pem": "canary"}), "tls: "},
		"no key":         {tls(keys{"cert_pem": "canary", "key_pem": "canary"}), "tls: "},
		"reported by the collector": {tls(keys{"min_version": "0.9", "ca_pem": "canary"}),
			""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := confighttp.NewDefaultClientConfig()
			require.NoError(t, confmap.NewFromStringMap(x.keys).Unmarshal(&cfg))
			err := Client(&cfg)
			if x.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, x.want)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}
