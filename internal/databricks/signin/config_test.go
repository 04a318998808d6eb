// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
)

const host = "https://dbc-1.cloud.databricks.com"

func TestValidate(t *testing.T) {
	m2m := Credentials{ClientID: "app", ClientSecret: "canary"}
	for name, c := range map[string]struct {
		cfg  Config
		want string // "" is valid
	}{
		"nothing":          {Config{}, "host: required; write the workspace's address"},
		"credentials only": {Config{Credentials: m2m}, "nothing falls back to the profile DEFAULT"},
		"file without profile": {Config{Host: host, Credentials: Credentials{ConfigFile: "x", Token: "canary"}},
			"config_file: it is read for a profile only"},
		"host only": {Config{Host: host}, "auth_type: nothing says how to sign in"},
		"client id only": {Config{Host: host, Credentials: Credentials{ClientID: "app"}},
			"client_id: it needs client_secret beside it"},
		"secret without id": {Config{Host: host, Credentials: Credentials{ClientSecret: "canary"}},
			"client_id: auth_type oauth-m2m needs it (client_id, client_secret)"},
		"two ways": {Config{Host: host, Credentials: Credentials{Token: "canary", ClientID: "app",
			ClientSecret: "canary"}}, "auth_type: token means pat and client_secret means oauth-m2m"},
		"two ways, one named": {Config{Host: host, Credentials: Credentials{AuthType: "pat", Token: "canary",
			ClientID: "app", ClientSecret: "canary"}}, ""},
		"unknown type": {Config{Host: host, Credentials: Credentials{AuthType: "basic"}},
			`auth_type: "basic" is not known; write one of pat, oauth-m2m, databricks-cli, `},
		"named and incomplete": {Config{Host: host, Credentials: Credentials{AuthType: "pat"}},
			"token: auth_type pat needs it (token)"},
		"azure elsewhere": {Config{Host: host, Credentials: Credentials{AuthType: "azure-msi"}},
			"auth_type: azure-msi signs in on Azure, and https://dbc-1.cloud.databricks.com is no address of it; " +
				"write cloud: azure"},
		"azure": {Config{Host: "https://adb-1.2.azuredatabricks.net",
			Credentials: Credentials{AzureUseMSI: true}}, ""},
		"azure by its own name": {Config{Host: "https://data.example.com",
			Credentials: Credentials{AuthType: "azure-msi", Cloud: "azure"}}, ""},
		"azure, no tenant": {Config{Host: "https://adb-1.2.azuredatabricks.net",
			Credentials: Credentials{AzureClientID: "app", AzureClientSecret: "canary"}},
			"azure_tenant_id: auth_type azure-client-secret needs it"},
		"google elsewhere": {Config{Host: host, Credentials: Credentials{GoogleServiceAccount: "a@b"}},
			"auth_type: google-id signs in on GCP"},
		"google": {Config{Host: "https://1.2.gcp.databricks.com",
			Credentials: Credentials{GoogleServiceAccount: "a@b"}}, ""},
		"unknown cloud": {Config{Host: host, Credentials: Credentials{Token: "canary", Cloud: "ibm"}},
			`cloud: "ibm" is not known`},
		"environment alone": {Config{Host: host, Credentials: Credentials{Token: "canary",
			AzureEnvironment: "CHINA"}}, "azure_environment: it counts only with cloud: azure"},
		"unknown environment": {Config{Host: host, Credentials: Credentials{Token: "canary", Cloud: "azure",
			AzureEnvironment: "MARS"}}, `azure_environment: "MARS" is not known`},
		"metadata elsewhere": {Config{Host: host,
			Credentials: Credentials{MetadataServiceURL: "https://example.com/canary"}},
			"metadata_service_url: the service must be on this machine"},
		"profile": {Config{Profile: "team"}, ""},
		"m2m":     {Config{Host: host, Credentials: m2m}, ""},
		"github": {Config{Host: host,
			Credentials: Credentials{AuthType: "github-oidc", ClientID: "app"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.cfg.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.Equal(t, 1, strings.Count(err.Error(), c.want), "said once: %s", err)
			require.NotContains(t, err.Error(), "canary")
			_, err = New(c.cfg, Settings{})
			require.ErrorContains(t, err, c.want, "New asks the same")
		})
	}
}

func TestParseHost(t *testing.T) {
	for in, want := range map[string]string{
		"https://DBC-1.cloud.databricks.com/":    "https://dbc-1.cloud.databricks.com",
		"https://dbc-1.cloud.databricks.com:443": "https://dbc-1.cloud.databricks.com",
		"https://name.example.com:8443":          "https://name.example.com:8443",
		"http://127.0.0.1:5000":                  "http://127.0.0.1:5000",
		"http://localhost:80":                    "http://localhost",
		"http://[::1]:5000/":                     "http://[::1]:5000",
	} {
		u, err := ParseHost(in)
		require.NoError(t, err, in)
		require.Equal(t, want, u.String())
	}
	for in, want := range map[string]string{
		"dbc-1.cloud.databricks.com":        `has no scheme; write https://dbc-1.cloud.databricks.com`,
		"":                                  "has no scheme",
		"dbc-1:443/x?canary":                "needs a scheme and a name",
		"canary://x":                        `the scheme "canary" is not known`,
		"http://dbc-1.cloud.databricks.com": "tokens are not sent over http, except on loopback",
		"http://127.0.0.1.example.com":      "tokens are not sent over http",
		"https://me:canary@dbc-1.cloud.databricks.com": "credentials do not belong in the address",
		"https://dbc-1.cloud.databricks.com?o=canary":  "write https://dbc-1.cloud.databricks.com",
		"https://dbc-1.cloud.databricks.com/#canary":   "write https://dbc-1.cloud.databricks.com",
		"https://dbc-1.cloud.databricks.com/api/canary": "a path does not belong to the workspace's address; write " +
			"https://dbc-1.cloud.databricks.com",
		"https://accounts.cloud.databricks.com": "is the account console",
		"https://%zz":                           "this is no address",
		"https:///x":                            "needs a scheme and a name",
	} {
		_, err := ParseHost(in)
		require.ErrorContains(t, err, want, in)
		if !strings.HasPrefix(in, "canary") {
			require.NotContains(t, err.Error(), "canary", in)
		}
	}
}

// Every key of the credentials reaches the SDK under the name that the SDK gives it, so that what
// is true of the file of the Databricks CLI is true of our configuration.
func TestKeysAreThoseOfTheSDK(t *testing.T) {
	values := map[string]any{"scopes": []any{"sql", "all-apis"}, "azure_use_msi": true, "cloud": "aws"}
	kind := reflect.TypeFor[Credentials]()
	for field := range kind.Fields() {
		key := field.Tag.Get("mapstructure")
		if key == "config_file" || key == "token_file" {
			continue // ours: which file, not what is in it
		}
		value, ok := values[key]
		if !ok {
			value = "value"
		}
		cfg := Config{}
		require.NoError(t, confmap.NewFromStringMap(map[string]any{"host": host, key: value}).Unmarshal(&cfg), key)
		require.True(t, written(cfg.Credentials.sdk(), key), "%s does not reach the SDK", key)
		require.Contains(t, append(fromProfile, "auth_type"), key, "a profile may hold it, too")
	}
	require.Len(t, fromProfile, kind.NumField()-1, "all but the two files, and the host")
}

// Whatever is secret is opaque, so that no dump of the configuration shows it.
func TestSecretsAreOpaque(t *testing.T) {
	cfg := Config{Host: host, Credentials: Credentials{Token: "canary", ClientSecret: "canary",
		MetadataServiceURL: "canary", AzureClientSecret: "canary", GoogleCredentials: "canary"}}
	conf := confmap.New()
	require.NoError(t, conf.Marshal(&cfg))
	dump := conf.ToStringMap()
	for _, key := range []string{"token", "client_secret", "metadata_service_url", "azure_client_secret",
		"google_credentials"} {
		require.Equal(t, "[REDACTED]", dump[key], key)
	}
	kind := reflect.TypeFor[Credentials]()
	opaque := 0
	for field := range kind.Fields() {
		if field.Type == reflect.TypeFor[configopaque.String]() {
			opaque++
		}
	}
	require.Equal(t, 5, opaque, "a secret was added: add it here and to the redactor")
}
