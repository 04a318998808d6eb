// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/config"
)

// resolve makes the SDK's configuration out of the keys written, without the profile.
func (c *Config) resolve() (*config.Config, error) {
	if err := c.Credentials.checkToken(); err != nil {
		return nil, err
	}
	sdk := c.Credentials.sdk()
	sdk.Host = c.Host
	_, err := settle(sdk)
	return sdk, err
}

// resolveAll is resolve with the profile and with what the method finds where it runs.
func (c *Config) resolveAll() (*config.Config, *method, error) {
	sdk := c.Credentials.sdk()
	sdk.Host = c.Host
	if path := c.Credentials.TokenFile; path != "" {
		var err error
		if sdk.Token, err = readToken(path); err != nil {
			return nil, nil, err
		}
	}
	if c.Profile != "" {
		if err := readProfile(sdk, c.Profile, c.Credentials.ConfigFile); err != nil {
			return nil, nil, err
		}
	}
	m, err := settle(sdk)
	if err == nil {
		err = m.lookAround(sdk)
	}
	return sdk, m, err
}

// settle fixes the host and the one way to sign in.
func settle(sdk *config.Config) (*method, error) {
	u, err := ParseHost(sdk.Host)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	sdk.Host = u.String()
	if err := checkCloud(sdk); err != nil {
		return nil, err
	}
	var m *method
	if sdk.AuthType == "" {
		m, err = inferMethod(sdk)
	} else {
		m, err = findMethod(sdk.AuthType)
	}
	if err != nil {
		return nil, err
	}
	sdk.AuthType = m.name
	return m, m.check(sdk)
}

// fromProfile are the keys that are taken from a profile. All others, such as cluster_id,
// debug_headers, skip_verify and retry_timeout_seconds, are not ours to follow.
var fromProfile = []string{
	"host", "auth_type", "token", "client_id", "client_secret", "scopes", "audience", "databricks_id_token_filepath",
	"oidc_token_env", "metadata_service_url",
	"databricks_cli_path", "azure_use_msi", "azure_client_id", "azure_client_secret", "azure_tenant_id",
	"azure_workspace_resource_id", "azure_environment",
	"google_credentials", "google_service_account", "cloud",
}

// readProfile adds what a profile holds to what is written; what is written wins. A profile for
// another host than the one written is refused, since its token would go there.
func readProfile(sdk *config.Config, profile, path string) error {
	file, err := config.LoadFile(path)
	if path == "" {
		path = "~/.databrickscfg"
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("profile: %q can't be read, there is no file %s; write its path under config_file, or "+
			"host and credentials in place of the profile", profile, path)
	}
	if err != nil {
		// The parser quotes the line that it can't read, which may hold a secret.
		return fmt.Errorf("profile: %q can't be read from %s: the file is unreadable or no INI file", profile, path)
	}
	section, err := file.GetSection(profile)
	if err != nil || len(section.Keys()) == 0 {
		return fmt.Errorf("profile: %s has no profile %q", path, profile)
	}
	values := section.KeysHash()
	maps.DeleteFunc(values, func(key, _ string) bool { return !slices.Contains(fromProfile, key) })
	if _, err := inferMethod(sdk); !errors.Is(err, errNoCredentials) {
		delete(values, "auth_type") // credentials are written: the profile must not make them useless
	}
	if values["host"] == "" && sdk.Host == "" {
		return fmt.Errorf("profile: %q in %s has no host; write it there or beside the profile", profile, path)
	}
	if own := values["host"]; own != "" {
		u, err := ParseHost(trimmed(own))
		if err != nil {
			return fmt.Errorf("profile: the host of %q in %s: %w", profile, path, err)
		}
		written, err := ParseHost(sdk.Host)
		if sdk.Host != "" && (err != nil || *written != *u) {
			return fmt.Errorf("host: it is not the host of the profile %q, %s; remove host, or name another profile",
				profile, u)
		}
		values["host"] = u.String()
	}
	if err := config.ConfigAttributes.ResolveFromStringMapWithSource(sdk, values,
		config.Source{Type: config.SourceFile, Name: path}); err != nil {
		return fmt.Errorf("profile: %q in %s holds a value of the wrong type; azure_use_msi is true or false", profile,
			path)
	}
	sdk.Profile, sdk.ConfigFile = profile, path
	return nil
}

// trimmed returns the host of a profile as the SDK and the CLI read it: people write it with or
// without a scheme, or copy the address of a page (https://…/login.html?o=123), of which scheme and
// name count. What ParseHost refuses for another reason is left as it is.
func trimmed(host string) string {
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	u, err := url.Parse(strings.TrimSpace(host))
	if err != nil || u.User != nil || u.Host == "" {
		return host
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}
