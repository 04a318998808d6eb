// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/databricks/databricks-sdk-go/common/environment"
	"github.com/databricks/databricks-sdk-go/config"
)

// method is one way to sign in. Keys are named as the SDK, its file and our configuration name
// them.
type method struct {
	name     string
	strategy config.CredentialsStrategy
	marks    []string // keys that only this method uses: one of them written means this method
	needs    []string // keys that it can't do without
	cloud    environment.Cloud
	// environment are the variables that it reads and that must be set; no other method reads them.
	environment []string
	// headers: it sets more than the token, so the SDK has to fill the request. All others are
	// asked for their token, which takes a context.
	headers bool
}

// methods is the whole list, in the order in which it is shown to people.
var methods = []method{
	{name: "pat", strategy: config.PatCredentials{}, marks: []string{"token"}, needs: []string{"token"}},
	{name: "oauth-m2m", strategy: config.M2mCredentials{}, marks: []string{"client_secret"},
		needs: []string{"client_id", "client_secret"}},
	{name: "databricks-cli", strategy: config.DatabricksCliCredentials, marks: []string{"databricks_cli_path"}},
	{name: "metadata-service", strategy: config.MetadataServiceCredentials{}, marks: []string{"metadata_service_url"},
		needs: []string{"metadata_service_url"}},
	{name: "github-oidc", strategy: config.GitHubOIDCCredentials{}, environment: []string{githubURL, githubToken}},
	{
		name: "azure-devops-oidc", strategy: config.AzureDevOpsOIDCCredentials{},
		environment: []string{
			"SYSTEM_ACCESSTOKEN", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "SYSTEM_PLANID", "SYSTEM_JOBID",
			"SYSTEM_TEAMPROJECTID", "SYSTEM_HOSTTYPE",
		},
	},
	{name: "env-oidc", strategy: config.EnvOIDCCredentials{}, marks: []string{"oidc_token_env"},
		needs: []string{"oidc_token_env"}},
	{name: "file-oidc", strategy: config.FileOIDCCredentials{}, marks: []string{"databricks_id_token_filepath"},
		needs: []string{"databricks_id_token_filepath"}},
	{
		name: "github-oidc-azure", strategy: config.AzureGithubOIDCCredentials{},
		needs: []string{"azure_client_id", "azure_tenant_id"}, cloud: environment.CloudAzure,
		environment: []string{githubURL, githubToken},
	},
	{name: "azure-msi", strategy: config.AzureMsiCredentials{}, marks: []string{"azure_use_msi"},
		cloud: environment.CloudAzure, headers: true},
	{
		name: "azure-client-secret", strategy: config.AzureClientSecretCredentials{},
		marks: []string{"azure_client_secret"},
		needs: []string{"azure_client_id", "azure_client_secret", "azure_tenant_id"}, cloud: environment.CloudAzure,
		headers: true,
	},
	{name: "azure-cli", strategy: config.AzureCliCredentials{}, cloud: environment.CloudAzure, headers: true},
	{
		name: "google-credentials", strategy: config.GoogleCredentials{}, marks: []string{"google_credentials"},
		needs: []string{"google_credentials"},
		cloud: environment.CloudGCP, headers: true,
	},
	{
		name: "google-id", strategy: config.GoogleDefaultCredentials{}, marks: []string{"google_service_account"},
		needs: []string{"google_service_account"},
		cloud: environment.CloudGCP, headers: true,
	},
}

const (
	githubURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	githubToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

var hints = map[string]string{
	githubURL:            "; the GitHub workflow needs the permission id-token: write",
	githubToken:          "; the GitHub workflow needs the permission id-token: write",
	"SYSTEM_ACCESSTOKEN": "; map $(System.AccessToken) to it in the pipeline",
}

var errNoCredentials = errors.New("auth_type: nothing says how to sign in; write client_id and client_secret (or " +
	"token), or name an auth_type whose " +
	"credentials come from where it runs: github-oidc, azure-devops-oidc, azure-msi, azure-cli, databricks-cli. " +
	"Nothing is taken from the environment unasked")

// findMethod returns the method of an auth_type.
func findMethod(name string) (*method, error) {
	var names []string
	for i := range methods {
		if methods[i].name == name {
			return &methods[i], nil
		}
		names = append(names, methods[i].name)
	}
	return nil, fmt.Errorf("auth_type: %q is not known; write one of %s", name, strings.Join(names, ", "))
}

// inferMethod returns the only method that the keys written belong to.
func inferMethod(sdk *config.Config) (*method, error) {
	var found *method
	var mark string
	for i := range methods {
		for _, key := range methods[i].marks {
			switch {
			case !written(sdk, key):
			case found != nil:
				return nil, fmt.Errorf(
					"auth_type: %s means %s and %s means %s; keep the one that you want, or name it in auth_type", mark,
					found.name, key, methods[i].name)
			default:
				found, mark = &methods[i], key
			}
		}
	}
	if found == nil {
		if written(sdk, "client_id") {
			return nil, fmt.Errorf("client_id: it needs client_secret beside it, or an auth_type whose tokens come "+
				"from an identity provider "+
				"(github-oidc, env-oidc, file-oidc, azure-devops-oidc): %w", errNoCredentials)
		}
		return nil, errNoCredentials
	}
	return found, nil
}

// check returns what a method still misses. The host is known by then; the environment is not
// checked.
func (m *method) check(sdk *config.Config) error {
	for _, key := range m.needs {
		if !written(sdk, key) {
			return fmt.Errorf("%s: auth_type %s needs it (%s)", key, m.name, strings.Join(m.needs, ", "))
		}
	}
	if m.cloud != environment.CloudUnknown && !onCloud(sdk, m.cloud) {
		return fmt.Errorf("auth_type: %s signs in on %s, and %s is no address of it; write cloud: %s if the "+
			"workspace has a name of its own", m.name, m.cloud, sdk.Host,
			strings.ToLower(string(m.cloud)))
	}
	if m.name == "metadata-service" {
		if u, err := url.Parse(sdk.MetadataServiceURL); err != nil || u.Hostname() != "localhost" &&
			u.Hostname() != "127.0.0.1" {
			return errors.New("metadata_service_url: the service must be on this machine; write http://127.0.0.1:…")
		}
	}
	return nil
}

// lookAround takes what a method finds where it runs.
func (m *method) lookAround(sdk *config.Config) error {
	names := m.environment
	if m.name == "env-oidc" {
		names = []string{sdk.OIDCTokenEnv}
	}
	for _, name := range names {
		if os.Getenv(name) == "" {
			return fmt.Errorf("auth_type: %s reads the environment variable %s, which is not set%s",
				m.name, name, hints[name])
		}
	}
	switch m.name {
	case "azure-msi":
		sdk.AzureUseMSI = true
	case "github-oidc", "github-oidc-azure":
		sdk.ActionsIDTokenRequestURL, sdk.ActionsIDTokenRequestToken = os.Getenv(githubURL), os.Getenv(githubToken)
	}
	return nil
}

// checkCloud checks the keys that say what the address doesn't, and writes them as the SDK does.
func checkCloud(sdk *config.Config) error {
	switch c := strings.ToLower(string(sdk.Cloud)); c {
	case "":
		if sdk.AzureEnvironment != "" {
			return errors.New("azure_environment: it counts only with cloud: azure; the addresses of Azure " +
				"workspaces tell their environment")
		}
		return nil
	case "aws":
		sdk.Cloud = environment.CloudAWS
	case "azure":
		sdk.Cloud = environment.CloudAzure
	case "gcp":
		sdk.Cloud = environment.CloudGCP
	default:
		return fmt.Errorf("cloud: %q is not known; write aws, azure or gcp", c)
	}
	if sdk.Cloud != environment.CloudAzure {
		return nil
	}
	name := strings.ToUpper(sdk.AzureEnvironment)
	if name == "" {
		name = "PUBLIC"
	}
	for _, e := range environment.AllEnvironments() {
		if e.Cloud == environment.CloudAzure && e.AzureEnvironment.Name == name &&
			!strings.HasPrefix(e.DnsZone, ".dev.") && !strings.HasPrefix(e.DnsZone, ".staging.") {
			sdk.DatabricksEnvironment = &e
			return nil
		}
	}
	return fmt.Errorf("azure_environment: %q is not known; write PUBLIC, USGOVERNMENT or CHINA", sdk.AzureEnvironment)
}

func onCloud(sdk *config.Config, cloud environment.Cloud) bool {
	return cloud == environment.CloudAzure && sdk.IsAzure() || cloud == environment.CloudGCP && sdk.IsGcp()
}

// written reports whether the configuration holds a key.
func written(sdk *config.Config, key string) bool {
	for i := range config.ConfigAttributes {
		if a := &config.ConfigAttributes[i]; a.Name == key {
			return !a.IsZero(sdk)
		}
	}
	return false
}
