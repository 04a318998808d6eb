// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// forget makes the last renewal one that is long past.
func forget(s *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewed = s.renewed.Add(-renewEvery)
}

// replace writes a file as tools that rotate secrets do, and dates it after what was there.
func replace(t *testing.T, path, text string) {
	t.Helper()
	before := time.Now()
	if info, err := os.Stat(path); err == nil {
		before = info.ModTime()
	}
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	require.NoError(t, os.Chtimes(path, before.Add(time.Second), before.Add(time.Second)))
}

// A token in a file is taken from it again after it was rotated: by a refusal, and without one for
// what sees no answers, such as gRPC.
func TestRotatedToken(t *testing.T) {
	w := workspace(t)
	w.AddToken("first", "me@example.com")
	path := filepath.Join(t.TempDir(), "token")
	replace(t, path, " first\n")
	s := session(t, Config{Host: w.URL(), Credentials: Credentials{TokenFile: path}}, Settings{})
	require.Equal(t, "pat", s.AuthType())
	c := client(t, s)
	require.Equal(t, http.StatusOK, me(t, s, c))
	w.RevokeTokens("me@example.com")
	require.Equal(t, http.StatusForbidden, me(t, s, c))

	w.AddToken("second", "me@example.com")
	replace(t, path, "second\n")
	forget(s)
	require.Equal(t, http.StatusOK, me(t, s, c))
	require.Equal(t, "second", bearer(t, s))

	replace(t, path, "third")
	require.Equal(t, "second", bearer(t, s), "not more often than renewals are allowed")
	forget(s)
	require.Equal(t, "third", bearer(t, s), "no refusal is needed")
}

// A file that can't be used is said once, and what was read before stays in use.
func TestBrokenTokenFile(t *testing.T) {
	w := workspace(t)
	path := filepath.Join(t.TempDir(), "token")
	replace(t, path, databrickstest.AdminToken)
	s := session(t, Config{Host: w.URL(), Credentials: Credentials{TokenFile: path}}, Settings{})
	c := client(t, s)
	replace(t, path, "")
	require.Equal(t, http.StatusOK, me(t, s, c))
	forget(s)
	err := s.Renew(t.Context())
	e := refusal(t, err)
	require.True(t, e.Permanent)
	require.ErrorContains(t, err, "sign-in to "+w.URL()+" as pat failed: token_file: "+path+" is empty")
	replace(t, path, databrickstest.AdminToken)
	forget(s)
	require.NoError(t, s.Renew(t.Context()))
}

// The same for a profile.
func TestRotatedProfileWithoutARefusal(t *testing.T) {
	w := workspace(t)
	path := profiles(t, "[team]\nhost = "+w.URL()+"\ntoken = first\n")
	s := session(t, Config{Profile: "team", Credentials: Credentials{ConfigFile: path}}, Settings{})
	require.Equal(t, "first", bearer(t, s))
	replace(t, path, "[team]\nhost = "+w.URL()+"\ntoken = second\n")
	require.Equal(t, "second", bearer(t, s))
}

func TestTokenFile(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"missing": {"", "there is no file "},
		"empty":   {" \n", "is empty; write the token into it"},
		"two":     {"canary one\ncanary two", "holds something else than one token"},
		"binary":  {"canary\x00", "holds something else than one token"},
		"long":    {strings.Repeat("c", mostToken+1), "holds something else than one token"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			if c.text != "" {
				require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			}
			cfg := Config{Host: host, Credentials: Credentials{TokenFile: path}}
			require.NoError(t, cfg.Validate(), "the file is not read")
			_, err := New(cfg, Settings{})
			require.ErrorContains(t, err, "token_file: ")
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "canary")
		})
	}
	both := Config{Host: host, Credentials: Credentials{TokenFile: "x", Token: "canary"}}
	require.EqualError(t, both.Validate(), "token_file: token is written, too; keep one of them")
	both.Profile = "team"
	require.EqualError(t, both.Validate(), "token_file: token is written, too; keep one of them")
}

// A success with a reason phrase is no sign-in.
func TestTokenAnswerWithAReason(t *testing.T) {
	w := workspace(t)
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if r.URL.Path == tokenPath {
			return &databrickstest.Fault{Status: http.StatusOK, Body: `{"access_token":"canary","expires_in":3600}`,
				Header: http.Header{"Content-Type": {"application/json"},
					"X-Databricks-Reason-Phrase": {"Wrong audience"}}}
		}
		return nil
	})
	s := session(t, m2m(w.URL()), Settings{})
	_, err := s.Headers(t.Context())
	require.True(t, refusal(t, err).Permanent)
	require.ErrorContains(t, err, "status 200: Wrong audience")
	require.NotContains(t, err.Error(), "canary")

	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if r.URL.Path == tokenPath {
			return &databrickstest.Fault{Status: http.StatusForbidden,
				Header: http.Header{"X-Databricks-Reason-Phrase": {"Not in this workspace"}}}
		}
		return nil
	})
	require.NoError(t, s.Renew(t.Context()))
	_, err = s.Headers(t.Context())
	require.ErrorContains(t, err, "status 403: Not in this workspace")
}
