// Package signin signs HTTP requests to one Databricks workspace with Databricks unified authentication, taking nothing from the environment that was not asked for.
package signin

import (
	"errors"
	"fmt"
	"net/url"

	"go.opentelemetry.io/collector/config/configopaque"
)

// Config says which workspace, and as whom. It is the `auth` group of the databricks exporter (there without host and profile) and the configuration of databricks_auth.
type Config struct {
	// Host is the workspace's address, https://dbc-….cloud.databricks.com; http only on loopback.
	Host string `mapstructure:"host"`
	// Profile names a profile in the configuration file of the Databricks CLI. Host or Profile is required; nothing falls back to DEFAULT.
	Profile string `mapstructure:"profile"`
	// ConfigFile is that file; empty means ~/.databrickscfg. It is read only when Profile is set.
	ConfigFile string `mapstructure:"config_file"`
	// AuthType picks one way to sign in (pat, oauth-m2m, github-oidc, azure-msi, …); empty lets the SDK pick among what is configured here.
	AuthType     string              `mapstructure:"auth_type"`
	Token        configopaque.String `mapstructure:"token"`
	ClientID     string              `mapstructure:"client_id"`
	ClientSecret configopaque.String `mapstructure:"client_secret"`
}

// Validate returns what is wrong with the configuration, naming the key. It does not read files or talk to anybody.
func (c *Config) Validate() error {
	if c.Host == "" && c.Profile == "" {
		return errors.New("host: write the workspace's address (https://….cloud.databricks.com), or name a profile; neither is taken from the environment")
	}
	if c.Host == "" {
		return nil
	}
	u, err := url.Parse(c.Host)
	switch {
	case err != nil:
		return errors.New("host: this is no address; write https://….cloud.databricks.com")
	case u.User != nil:
		return errors.New("host: credentials do not belong into the address; use token, client_id and client_secret, or auth_type")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("host: an address with a query or a fragment is refused; write https://….cloud.databricks.com")
	case u.Host == "":
		return fmt.Errorf("host: %q has no scheme; write https://%s", c.Host, c.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("host: the scheme %q is not known; write https://%s", u.Scheme, u.Host)
	}
	return nil
}
