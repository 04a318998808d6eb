// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package signin signs HTTP requests to one Databricks workspace with Databricks unified
// authentication, taking nothing from the environment that was not asked for.
//
// What is written in the configuration decides; environment variables and configuration files are
// read only where a key asks for it: profile reads one section of the file of the Databricks CLI,
// and an auth_type whose credentials live in the environment by nature (github-oidc,
// azure-devops-oidc, env-oidc, google-id, the CLIs) reads its own variables and no other.
package signin

import (
	"errors"
	"fmt"

	"github.com/databricks/databricks-sdk-go/common/environment"
	"github.com/databricks/databricks-sdk-go/config"
	"go.opentelemetry.io/collector/config/configopaque"
)

// Config names the workspace and the credentials. It is the configuration of databricks_auth.
type Config struct {
	// Host is the workspace's address, https://dbc-….cloud.databricks.com; http only on loopback.
	Host string `mapstructure:"host"`
	// Profile names a profile in the configuration file of the Databricks CLI. Host or Profile is
	// required; nothing falls back to DEFAULT.
	Profile string `mapstructure:"profile"`
	// Credentials are the keys of the sign-in.
	Credentials Credentials `mapstructure:",squash"`
}

// Credentials are the keys of the sign-in, named as the SDK and the file of the Databricks CLI name
// them. They are the `auth` group of the databricks exporter, whose host and profile stand beside
// it. No key has a default and none is taken from the environment.
type Credentials struct {
	// ConfigFile is the file that Profile is in; empty means ~/.databrickscfg. It is read only when
	// Profile is set.
	ConfigFile string `mapstructure:"config_file"`
	// AuthType picks one way to sign in (pat, oauth-m2m, github-oidc, azure-msi, …). Empty: the one
	// that the keys below belong to.
	AuthType string `mapstructure:"auth_type"`

	// Token is a personal access token: pat.
	Token configopaque.String `mapstructure:"token"`
	// TokenFile is a file that holds such a token and is read again when it changes: pat.
	TokenFile string `mapstructure:"token_file"`
	// ClientID is the application id of a service principal: oauth-m2m with ClientSecret; workload
	// identity (…-oidc) without.
	ClientID     string              `mapstructure:"client_id"`
	ClientSecret configopaque.String `mapstructure:"client_secret"`
	// Scopes are the OAuth scopes to ask for; empty means all-apis.
	Scopes []string `mapstructure:"scopes"`

	// Audience is the audience of the token of an identity provider (…-oidc); empty means the
	// workspace's token endpoint.
	Audience string `mapstructure:"audience"`
	// OIDCTokenFilepath is a file that holds such a token and is read anew for each sign-in:
	// file-oidc.
	OIDCTokenFilepath string `mapstructure:"databricks_id_token_filepath"`
	// OIDCTokenEnv is the environment variable that holds such a token: env-oidc.
	OIDCTokenEnv string `mapstructure:"oidc_token_env"`
	// MetadataServiceURL is the address of a local service that hands out tokens: metadata-service.
	// It is opaque because its path may be a secret.
	MetadataServiceURL configopaque.String `mapstructure:"metadata_service_url"`
	// DatabricksCLIPath is the Databricks CLI; empty means the program databricks on the PATH:
	// databricks-cli.
	DatabricksCLIPath string `mapstructure:"databricks_cli_path"`

	// AzureUseMSI signs in as the managed identity of the machine: azure-msi.
	AzureUseMSI bool `mapstructure:"azure_use_msi"`
	// AzureClientID, AzureClientSecret and AzureTenantID are those of an application in Entra ID:
	// azure-client-secret; without the secret github-oidc-azure.
	AzureClientID     string              `mapstructure:"azure_client_id"`
	AzureClientSecret configopaque.String `mapstructure:"azure_client_secret"`
	AzureTenantID     string              `mapstructure:"azure_tenant_id"`
	// AzureResourceID is the workspace's id in Azure Resource Manager. It is needed when the
	// identity is no member of the workspace.
	AzureResourceID string `mapstructure:"azure_workspace_resource_id"`
	// AzureEnvironment is PUBLIC (when empty), USGOVERNMENT or CHINA. It counts only for an address
	// that doesn't tell, with cloud: azure.
	AzureEnvironment string `mapstructure:"azure_environment"`

	// GoogleCredentials is the key of a service account, as JSON or as the path of its file:
	// google-credentials.
	GoogleCredentials configopaque.String `mapstructure:"google_credentials"`
	// GoogleServiceAccount is the service account to act as, with the application default
	// credentials of the machine: google-id.
	GoogleServiceAccount string `mapstructure:"google_service_account"`

	// Cloud is aws, azure or gcp. It is needed only for a workspace behind a name of its own, where
	// the address doesn't tell.
	Cloud string `mapstructure:"cloud"`
}

// Validate returns what is wrong with the configuration, naming the key and the remedy. It reads
// no files and sends no requests; what a profile holds is checked by New.
func (c *Config) Validate() error {
	if c.Host != "" {
		if _, err := ParseHost(c.Host); err != nil {
			return fmt.Errorf("host: %w", err)
		}
	}
	if c.Profile != "" {
		return c.Credentials.check()
	}
	if c.Host == "" {
		return errors.New("host: required; write the workspace's address (https://….cloud.databricks.com), or name a " +
			"profile. Neither is taken from the environment, " +
			"and nothing falls back to the profile DEFAULT")
	}
	if c.Credentials.ConfigFile != "" {
		return errors.New("config_file: it is read for a profile only; name the profile, or remove config_file")
	}
	_, err := c.resolve()
	return err
}

// check returns what contradicts itself in credentials that a profile may complete. It is not
// called Validate: the collector would name the Go field of a squashed struct in the error, which
// is no key.
func (c *Credentials) check() error {
	if err := c.checkToken(); err != nil {
		return err
	}
	sdk := c.sdk()
	if err := checkCloud(sdk); err != nil {
		return err
	}
	if sdk.AuthType != "" {
		_, err := findMethod(sdk.AuthType)
		return err
	}
	if _, err := inferMethod(sdk); !errors.Is(err, errNoCredentials) {
		return err
	}
	return nil
}

// checkToken returns what is wrong with the two keys for a token.
func (c *Credentials) checkToken() error {
	if c.Token != "" && c.TokenFile != "" {
		return errors.New("token_file: token is written, too; keep one of them")
	}
	return nil
}

// sdk returns a configuration of the SDK that holds the credentials and nothing else. A token that
// is still in its file is replaced by words that say so.
func (c *Credentials) sdk() *config.Config {
	token := string(c.Token)
	if c.TokenFile != "" {
		token = "in token_file"
	}
	return &config.Config{
		AuthType: c.AuthType, Token: token, ClientID: c.ClientID, ClientSecret: string(c.ClientSecret),
		Scopes:        append([]string(nil), c.Scopes...),
		TokenAudience: c.Audience, OIDCTokenFilepath: c.OIDCTokenFilepath, OIDCTokenEnv: c.OIDCTokenEnv,
		MetadataServiceURL: string(c.MetadataServiceURL),
		DatabricksCliPath:  c.DatabricksCLIPath, AzureUseMSI: c.AzureUseMSI, AzureClientID: c.AzureClientID,
		AzureClientSecret: string(c.AzureClientSecret),
		AzureTenantID:     c.AzureTenantID, AzureResourceID: c.AzureResourceID, AzureEnvironment: c.AzureEnvironment,
		GoogleCredentials:    string(c.GoogleCredentials),
		GoogleServiceAccount: c.GoogleServiceAccount, Cloud: environment.Cloud(c.Cloud),
	}
}
