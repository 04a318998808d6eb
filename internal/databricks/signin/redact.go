// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/databricks/databricks-sdk-go/config"
)

const redacted = "***"

// tokens are the forms of tokens that are told from text by themselves: signed tokens and personal
// access tokens.
var tokens = regexp.MustCompile(
	`\beyJ[A-Za-z0-9_-]{6,}[A-Za-z0-9_.-]*|\bdapi[0-9a-f]{16,}(-\d+)?\b|(?i:bearer|basic) +[A-Za-z0-9+/._~=-]{8,}`)

// redactor takes the credentials of one session out of texts that others have written: errors and
// log lines of the SDK, answers of token endpoints.
type redactor struct{ known *strings.Replacer }

func newRedactor(sdk *config.Config) redactor {
	secrets := []string{sdk.Token, sdk.ClientSecret, sdk.AzureClientSecret, sdk.GoogleCredentials,
		sdk.MetadataServiceURL, sdk.ActionsIDTokenRequestToken, sdk.Password}
	if sdk.OIDCTokenEnv != "" {
		secrets = append(secrets, os.Getenv(sdk.OIDCTokenEnv))
	}
	if sdk.AuthType == "azure-devops-oidc" {
		secrets = append(secrets, os.Getenv("SYSTEM_ACCESSTOKEN"))
	}
	if u, err := url.Parse(sdk.MetadataServiceURL); err == nil && len(u.Path) > 1 {
		secrets = append(secrets, u.Path)
	}
	var pairs []string
	for _, s := range secrets {
		if s == "" {
			continue
		}
		quoted, _ := json.Marshal(s)
		for _, form := range []string{s, url.QueryEscape(s), strings.Trim(string(quoted), `"`),
			base64.StdEncoding.EncodeToString([]byte(s))} {
			pairs = append(pairs, form, redacted)
		}
	}
	if sdk.ClientSecret != "" {
		for _, id := range []string{sdk.ClientID, url.QueryEscape(sdk.ClientID)} {
			pairs = append(pairs, base64.StdEncoding.EncodeToString([]byte(id+":"+url.QueryEscape(sdk.ClientSecret))),
				redacted)
		}
	}
	return redactor{strings.NewReplacer(pairs...)}
}

func (r redactor) text(s string) string { return tokens.ReplaceAllString(r.known.Replace(s), redacted) }

// line is text on one line and of bounded length, for texts of unknown origin.
func (r redactor) line(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(r.text(s)), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
