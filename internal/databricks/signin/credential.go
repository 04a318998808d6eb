// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/config/credentials"
	"github.com/databricks/databricks-sdk-go/logger"
	"golang.org/x/oauth2"
)

// credential is one configuration of the SDK with the tokens that it holds. A renewal makes a new
// one.
type credential struct {
	s        *Session
	sdk      *config.Config // the SDK changes it while it signs
	host     string
	identity string
	method   *method
	files    []fingerprint // of what it was read from
	log      *sdkLog
	watch    *watch

	mu      sync.Mutex
	trying  *attempt // in flight; all requests that come meanwhile share it
	refused *attempt // the last one, if it was refused
	until   time.Time
	worked  bool
}

// attempt is one answer of the SDK: from its cache at once, or from the network.
type attempt struct {
	done    chan struct{}
	headers http.Header
	err     error
}

// open resolves the configuration, the profile and the environment; the network is not asked.
func (s *Session) open() (*credential, error) {
	files := s.cfg.fingerprints() // before they are read, so that a change meanwhile is seen later
	sdk, m, err := s.cfg.resolveAll()
	if err != nil {
		return nil, err
	}
	hide := newRedactor(sdk)
	d := &credential{s: s, sdk: sdk, host: sdk.Host, identity: identity(sdk), method: m, files: files,
		log: &sdkLog{s.log, hide}, watch: &watch{base: s.transport, hide: hide}}
	sdk.Credentials = &strategy{d: d}
	sdk.HTTPTransport = d.watch
	isolate(sdk)
	// A sign-in that nobody answers ends in seconds; the sender of the data tries again.
	sdk.RetryTimeoutSeconds = 3
	sdk.HTTPTimeoutSeconds = max(1, int(min(s.timeout, 10*time.Second)/time.Second))
	return d, nil
}

// isolate keeps the SDK from the environment, from the file of the CLI and from asking the host
// about itself.
func isolate(sdk *config.Config) {
	sdk.Loaders = []config.Loader{nothing{}}
	sdk.HostMetadataResolver = func(context.Context, string) (*config.HostMetadata, error) { return nil, nil }
	sdk.DebugHeaders = false
}

// nothing is a loader that loads nothing: the SDK takes its own when there is none.
type nothing struct{}

func (nothing) Name() string                   { return "nothing" }
func (nothing) Configure(*config.Config) error { return nil }

// join starts an attempt or joins the one in flight.
func (d *credential) join() *attempt {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refused != nil && time.Now().Before(d.until) {
		return d.refused
	}
	if d.trying == nil {
		d.trying = &attempt{done: make(chan struct{})}
		go d.run(d.trying)
	}
	return d.trying
}

// run makes one attempt. A credential that worked before and is refused now may have expired or
// changed: it is then read again, once.
func (d *credential) run(a *attempt) {
	a.headers, a.err = d.sign()
	if d.refusedNow(a) {
		if next := d.s.refreshed(d); next != nil {
			if a.headers, a.err = next.sign(); a.err == nil {
				next.mu.Lock()
				next.worked = true
				next.mu.Unlock()
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trying, d.refused = nil, nil
	d.worked = d.worked || a.err == nil
	if isPermanent(a.err) {
		d.refused, d.until = a, time.Now().Add(refusedFor)
	}
	close(a.done)
}

// refusedNow reports whether an attempt was refused although an earlier one was not.
func (d *credential) refusedNow(a *attempt) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.worked && isPermanent(a.err)
}

// sign asks the SDK for the headers of a request to the host.
func (d *credential) sign() (http.Header, error) {
	d.watch.reset()
	r, err := http.NewRequestWithContext(logger.NewContext(d.s.life, d.log), http.MethodGet, d.host, http.NoBody)
	if err != nil {
		return nil, err
	}
	err = d.sdk.Authenticate(r)
	if err == nil {
		return r.Header, nil
	}
	if d.s.life.Err() != nil {
		return nil, d.failure(SignInError{Detail: "the session is closed", cause: context.Canceled})
	}
	if f := d.watch.last(); f != nil {
		return nil, d.failure(*f)
	}
	if own, ok := errors.AsType[*localError](err); ok {
		err = own.err // without what the SDK adds: its whole configuration
	}
	return nil, d.failure(SignInError{Permanent: true, Detail: d.watch.hide.line(err.Error())})
}

// failure completes an error.
func (d *credential) failure(e SignInError) *SignInError {
	e.Host, e.AuthType, e.as = d.host, d.method.name, d.identity
	return &e
}

// slow is the error of a request that has waited long enough.
func (d *credential) slow(waited time.Duration) *SignInError {
	if f := d.watch.last(); f != nil {
		return d.failure(*f)
	}
	return d.failure(SignInError{Detail: fmt.Sprintf("no answer within %s", waited), cause: context.DeadlineExceeded})
}

// identity is the configured identity, as "key value"; empty where there is none.
func identity(sdk *config.Config) string {
	for _, who := range []struct{ key, value string }{
		{"client_id", sdk.ClientID}, {"azure_client_id", sdk.AzureClientID},
		{"google_service_account", sdk.GoogleServiceAccount}, {"profile", sdk.Profile},
	} {
		if who.value != "" {
			return who.key + " " + who.value
		}
	}
	return ""
}

// strategy is the SDK's own with a context that ends with the session, takes our transport and logs
// to us: the SDK signs with the background context otherwise.
type strategy struct{ d *credential }

// Name implements config.CredentialsStrategy.
func (t *strategy) Name() string { return t.d.method.name }

// Configure implements config.CredentialsStrategy.
func (t *strategy) Configure(ctx context.Context, sdk *config.Config) (credentials.CredentialsProvider, error) {
	life := logger.NewContext(t.d.s.life, t.d.log)
	life = context.WithValue(life, oauth2.HTTPClient, ctx.Value(oauth2.HTTPClient))
	provider, err := t.d.method.strategy.Configure(life, sdk)
	if err == nil && provider == nil {
		err = errors.New("the SDK finds the credentials incomplete; check the keys of this auth_type and the host")
	}
	if err != nil {
		return nil, &localError{err}
	}
	return credentials.CredentialsProviderFn(func(r *http.Request) error {
		var err error
		if source, ok := provider.(credentials.OAuthCredentialsProvider); ok && !t.d.method.headers {
			var token *oauth2.Token
			if token, err = source.Token(life); err == nil {
				token.SetAuthHeader(r)
				return nil
			}
		} else if err = provider.SetHeaders(r.WithContext(life)); err == nil {
			return nil
		}
		return &localError{err}
	}), nil
}

// localError marks the SDK's error below what it is wrapped in.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }
