// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/databricks/databricks-sdk-go/config"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// Session is signed-in access to one workspace. Its methods may be called at the same time. Nothing
// is asked of the network before the first request.
//
// Tokens are kept and renewed by the SDK, in the background from half of their life on (20 minutes
// before the end at most).
type Session struct {
	cfg     Config
	log     *zap.Logger
	timeout time.Duration

	host      *url.URL
	transport http.RoundTripper
	idle      func()
	identity  string
	authType  string
	clientID  string

	life context.Context // ends with Close
	end  context.CancelFunc

	mu         sync.Mutex
	credential *credential // signs the requests
	renewed    time.Time
	tried      []fingerprint // of the files when they were last read again because they had changed
}

// Settings is what a session needs besides its configuration.
type Settings struct {
	// Transport carries token requests and those of SDK; nil means one of its own, which follows
	// HTTPS_PROXY. Signed requests go wherever the caller sends them.
	Transport http.RoundTripper
	// Logger takes what the SDK logs, without credentials; nil drops it.
	Logger *zap.Logger
	// Timeout bounds how long a request waits for a sign-in, 0 means 15 s. The sign-in itself goes
	// on in the background, and a later request finds its result.
	Timeout time.Duration
	// Version of the product, for the user agent of token requests and of SDK. The first session of
	// the process sets it.
	Version string
}

const (
	defaultTimeout = 15 * time.Second
	// renewEvery is the shortest time between two renewals: a workspace that refuses every token is
	// not answered with a flood of sign-ins.
	renewEvery = 5 * time.Second
	// refusedFor is how long a refusal is remembered, for the same reason.
	refusedFor = 5 * time.Second
)

// Provider is an extension that holds a session, databricks_auth.
type Provider interface {
	// Session is nil before the extension has started.
	Session() *Session
}

// Lookup finds the session of an extension of the host, for components that name one.
func Lookup(extensions map[component.ID]component.Component, id component.ID) (*Session, error) {
	ext, ok := extensions[id]
	if !ok {
		return nil, fmt.Errorf("the extension %q is not there; define it under extensions and list it under "+
			"service::extensions", id)
	}
	p, ok := ext.(Provider)
	if !ok {
		return nil, fmt.Errorf("the extension %q does not sign in to Databricks; name an extension of the type "+
			"databricks_auth", id)
	}
	if s := p.Session(); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("the extension %q has not started", id)
}

// New makes a session. Errors are those of the configuration and of what it names on this machine
// (profile, environment variables): the workspace is not asked yet. Close it when it is not used
// any more.
func New(cfg Config, set Settings) (*Session, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Session{cfg: cfg, log: set.Logger, timeout: set.Timeout, transport: set.Transport, idle: func() {}}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	if s.transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		s.transport, s.idle = own, own.CloseIdleConnections
	}
	s.life, s.end = context.WithCancel(context.Background())
	d, err := s.open()
	if err == nil {
		s.host, err = url.Parse(d.host)
	}
	if err != nil {
		s.end()
		return nil, err
	}
	s.credential, s.authType, s.identity, s.clientID = d, d.method.name, d.identity, d.sdk.ClientID
	setProduct(set.Version)
	routeLogs(d.log)
	return s, nil
}

// Host is the workspace's address with its scheme, without a slash at the end.
func (s *Session) Host() string { return s.host.String() }

// AuthType is the way to sign in, as the SDK names it.
func (s *Session) AuthType() string { return s.authType }

// Identity is the identity that signs requests, for messages, as far as it is known without asking:
// "client_id 1234", or empty.
func (s *Session) Identity() string { return s.identity }

// ClientID is the application id of the service principal, written or from the profile, as GRANT
// statements name it; empty if another way to sign in is used.
func (s *Session) ClientID() string { return s.clientID }

// Authenticate signs a request that goes to Host; the request is changed in place. It waits for a
// sign-in if there is no valid token, as long as the request's context and Settings.Timeout allow.
// Errors are a *SignInError, or say that the request goes elsewhere.
func (s *Session) Authenticate(r *http.Request) error {
	if r.URL == nil || r.URL.Scheme != s.host.Scheme || canonicalHost(r.URL) != s.host.Host {
		return s.elsewhere(r.URL)
	}
	headers, err := s.Headers(r.Context())
	if err != nil {
		return err
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	for key, values := range headers {
		r.Header[key] = slices.Clone(values) // others are signed with the same ones
	}
	return nil
}

// elsewhere explains why a request is not signed.
func (s *Session) elsewhere(u *url.URL) error {
	to := "an address without a host"
	if u != nil && u.Host != "" {
		to = u.Scheme + "://" + canonicalHost(u)
	}
	return fmt.Errorf(
		"the request goes to %s, and the credentials are those of %s: it is not sent; check endpoint and "+
			"host, or the redirect that led there", to, s.Host())
}

// Headers returns the headers that sign a request to Host: Authorization, on Azure more. It is for
// what is no http.Request; the caller sees to it that they go to Host only.
func (s *Session) Headers(ctx context.Context) (http.Header, error) {
	d := s.current()
	a := d.join()
	timer := time.NewTimer(s.timeout)
	defer timer.Stop()
	select {
	case <-a.done:
		return a.headers, a.err
	case <-ctx.Done():
		return nil, d.failure(SignInError{Detail: "the request was given up before there was an answer",
			cause: ctx.Err()})
	case <-timer.C:
		return nil, d.slow(s.timeout)
	}
}

// current is the credential in use. When a file that it was read from has changed since, it is read
// again first: nothing else tells a gRPC call that its token was replaced. If that fails, the
// credential stays in use until the file changes once more, or the workspace refuses it.
func (s *Session) current() *credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.fingerprints()
	if slices.Equal(now, s.credential.files) || slices.Equal(now, s.tried) || s.justRenewed() {
		return s.credential
	}
	s.tried = now
	if err := s.renew(); err != nil {
		s.log.Warn("A file with credentials has changed and can't be used", zap.Error(err))
	} else {
		s.log.Info("A file with credentials has changed, and was read again")
	}
	return s.credential
}

// Renew forgets the token in use and signs in anew at the next request, with the profile and the
// token file read again: what to do once after the workspace refuses the token. Within a few seconds
// of another renewal it does nothing. It does not talk to the network. An error is a *SignInError
// that says what New would say.
func (s *Session) Renew(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.renew(); err != nil {
		return s.credential.failure(SignInError{Permanent: true, Detail: err.Error(), cause: err})
	}
	return nil
}

// justRenewed reports whether the last renewal is too recent for another; s.mu is held.
func (s *Session) justRenewed() bool {
	return !s.renewed.IsZero() && time.Since(s.renewed) < renewEvery
}

// renew replaces the credential; s.mu is held.
func (s *Session) renew() error {
	if s.justRenewed() {
		return nil
	}
	s.renewed = time.Now()
	d, err := s.open()
	if err != nil {
		return err
	}
	if d.host != s.Host() {
		return fmt.Errorf("profile: the host of %q has become %s; restart to follow it", s.cfg.Profile, d.host)
	}
	s.credential = d
	routeLogs(d.log)
	return nil
}

// refreshed returns the credential that replaces old, which worked once and is refused now; nil if
// there is none.
func (s *Session) refreshed(old *credential) *credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.credential == old {
		if err := s.renew(); err != nil {
			s.log.Warn("The sign-in can't be renewed", zap.Error(err))
		}
	}
	if s.credential == old {
		return nil
	}
	return s.credential
}

// SDK is the configuration that clients of databricks-sdk-go are made with (client.New, then single
// services such as catalog.NewTables). Their requests are signed by this session, renewals
// included, and go to Host only.
func (s *Session) SDK() *config.Config { return s.clientConfig() }

// Close ends sign-ins in flight and idle connections. Requests after it fail.
func (s *Session) Close() {
	s.end()
	s.idle()
	s.mu.Lock()
	defer s.mu.Unlock()
	unrouteLogs(s.credential.log)
}
