// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databricksauthextension"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// A run ends the process: it signals itself until the collector stops. What failed makes Shutdown
// return an error, and so the exit status 1.
func TestEndsTheProcess(t *testing.T) {
	for _, tc := range []struct {
		schema string
		fails  bool
	}{{"sch", false}, {"nope", true}} {
		w := workspace(t)
		collector := make(chan os.Signal, 1)
		signal.Notify(collector, syscall.SIGTERM)
		s := newSetup(extensiontest.NewNopSettings(metadata.Type),
			configOf(t, keys{"on_complete": "shutdown", "schema": tc.schema}.of(w)), &bytes.Buffer{})
		require.NoError(t, s.Start(context.Background(), componenttest.NewNopHost()))
		<-collector
		err := s.Shutdown(context.Background())
		signal.Stop(collector)
		require.Equal(t, tc.fails, err != nil, err)
		require.NoError(t, s.Shutdown(context.Background()))
	}
}

// A stop in the middle ends the request that is under way, and is no success.
func TestStoppedInTheMiddle(t *testing.T) {
	w := workspace(t)
	asked := make(chan struct{})
	hold := make(chan struct{})
	defer close(hold)
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if r.URL.Path == "/api/2.0/mlflow/experiments/create" {
			close(asked)
			return &databrickstest.Fault{Until: hold}
		}
		return nil
	})
	s := newSetup(extensiontest.NewNopSettings(metadata.Type),
		configOf(t, keys{"on_complete": "shutdown", "apply": true}.of(w)), &bytes.Buffer{})
	require.NoError(t, s.Start(context.Background(), componenttest.NewNopHost()))
	<-asked
	require.ErrorContains(t, s.Shutdown(context.Background()), "stopped before it was done")
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// An authenticator extension signs in its place, and must have started before.
func TestWithAuthenticator(t *testing.T) {
	w := workspace(t)
	f := databricksauthextension.NewFactory()
	cfg := f.CreateDefaultConfig().(*databricksauthextension.Config)
	cfg.SignIn.Host, cfg.SignIn.Credentials.Token = w.URL(), databrickstest.AdminToken
	auth, err := f.Create(context.Background(), extensiontest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	id := component.NewID(f.Type())
	all := host{id: auth}
	require.NoError(t, auth.Start(context.Background(), all))
	defer func() { require.NoError(t, auth.Shutdown(context.Background())) }()

	var out bytes.Buffer
	s := newSetup(extensiontest.NewNopSettings(metadata.Type),
		configOf(t, keys{"auth": map[string]any{"authenticator": "databricks_auth"}}.of(w)), &out)
	require.Equal(t, []component.ID{id}, s.Dependencies())
	require.NoError(t, s.Start(context.Background(), all))
	<-s.done
	require.NoError(t, s.err, out.String())
	require.Contains(t, out.String(), "as "+databrickstest.Admin)
	require.NoError(t, s.Shutdown(context.Background()))
}

// Neither the plan nor the log holds the credential, whatever happens.
func TestNoSecretIsPrinted(t *testing.T) {
	w := workspace(t)
	const secret = "dapi-canary-0123456789"
	core, logs := observer.New(zapcore.DebugLevel)
	set := extensiontest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	var out bytes.Buffer
	s := newSetup(set, configOf(t, keys{"auth": map[string]any{"token": secret}}.of(w)), &out)
	require.NoError(t, s.Start(context.Background(), componenttest.NewNopHost()))
	<-s.done
	require.Error(t, s.err, "the workspace does not know it")
	require.NotContains(t, out.String()+s.err.Error(), secret)
	for _, l := range logs.All() {
		require.NotContains(t, l.Message, secret)
		require.NotContains(t, fmt.Sprint(l.ContextMap()), secret)
	}
	require.NotEmpty(t, logs.All())
	require.NoError(t, s.Shutdown(context.Background()))
}

func TestReportThatIsNone(t *testing.T) {
	w := workspace(t)
	for _, path := range []string{"no-such-file", writeFile(t, "not json")} {
		s := newSetup(extensiontest.NewNopSettings(metadata.Type), configOf(t, keys{"reports": []any{path}}.of(w)),
			&bytes.Buffer{})
		require.ErrorContains(t, s.Start(context.Background(), componenttest.NewNopHost()), "reports: ")
		require.NoError(t, s.Shutdown(context.Background()))
	}
}
