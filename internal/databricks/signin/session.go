package signin

import (
	"context"
	"net/http"

	"github.com/databricks/databricks-sdk-go/config"
)

// Session is signed-in access to one workspace. Its methods may be called at the same time. Nothing is asked of the network before the first request.
type Session struct {
	cfg Config
	sdk *config.Config
}

// Settings is what a session needs besides its configuration.
type Settings struct {
	// Transport carries token requests; nil means the SDK's own. Requests that are signed go wherever the caller sends them.
	Transport http.RoundTripper
}

// New makes a session. Errors are those of the configuration: the workspace is not asked yet.
func New(cfg Config, set Settings) (*Session, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Session{cfg: cfg}
	s.sdk = &config.Config{
		Host: cfg.Host, Profile: cfg.Profile, ConfigFile: cfg.ConfigFile, AuthType: cfg.AuthType, Token: string(cfg.Token), ClientID: cfg.ClientID,
		ClientSecret: string(cfg.ClientSecret), HTTPTransport: set.Transport,
	}
	return s, nil
}

// Host is the workspace's address with its scheme, without a slash at the end.
func (s *Session) Host() string { return s.sdk.Host }

// Authenticate signs a request that goes to Host.
func (s *Session) Authenticate(r *http.Request) error { return s.sdk.Authenticate(r) }

// Renew forgets the token in use and signs in anew at the next request: what to do once after a 401.
func (s *Session) Renew(context.Context) error { return nil }

// SDK is the configuration that clients of databricks-sdk-go are made with (client.New, then single services such as catalog.NewTables).
func (s *Session) SDK() *config.Config { return s.sdk }

// RoundTripper signs each request that goes to Host, on a clone, and hands it to base. Requests to other hosts are refused.
func (s *Session) RoundTripper(base http.RoundTripper) http.RoundTripper {
	return signer{s, base}
}

type signer struct {
	s    *Session
	base http.RoundTripper
}

func (t signer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if err := t.s.Authenticate(r); err != nil {
		return nil, err
	}
	return t.base.RoundTrip(r)
}
