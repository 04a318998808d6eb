package databrickstest

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/stretchr/testify/require"
)

// clock is a time that tests move.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

func start(t *testing.T, o ...Options) *Workspace {
	w := New(o...)
	t.Cleanup(w.Close)
	return w
}

// sdk is a client of databricks-sdk-go that takes nothing from the environment.
func sdk(t *testing.T, c *config.Config) *client.DatabricksClient {
	c.Loaders = []config.Loader{config.ConfigAttributes}
	c.RetryTimeoutSeconds = 5
	out, err := client.New(c)
	require.NoError(t, err)
	return out
}

func admin(t *testing.T, w *Workspace) *client.DatabricksClient {
	return sdk(t, &config.Config{Host: w.URL(), Token: AdminToken})
}

func TestSignIn(t *testing.T) {
	ctx := context.Background()
	w := start(t)
	w.AddServicePrincipal("app-1", "s3cret")
	me, err := iam.NewCurrentUser(admin(t, w)).Me(ctx, iam.MeRequest{})
	require.NoError(t, err)
	require.Equal(t, Admin, me.UserName)
	require.Equal(t, WorkspaceID, w.RequestsTo("GET", "/api/")[0].Header.Get("X-Databricks-Workspace-Id"), "the SDK took the id from the metadata")

	me, err = iam.NewCurrentUser(sdk(t, &config.Config{Host: w.URL(), ClientID: "app-1", ClientSecret: "s3cret", AuthType: "oauth-m2m"})).Me(ctx, iam.MeRequest{})
	require.NoError(t, err)
	require.Equal(t, "app-1", me.UserName)
	require.Equal(t, "app-1", w.RequestsTo("GET", "/api/")[1].Principal)

	_, err = iam.NewCurrentUser(sdk(t, &config.Config{Host: w.URL(), ClientID: "app-1", ClientSecret: "wrong", AuthType: "oauth-m2m"})).Me(ctx, iam.MeRequest{})
	require.ErrorContains(t, err, "invalid_client")
	_, err = iam.NewCurrentUser(sdk(t, &config.Config{Host: w.URL(), Token: "unknown"})).Me(ctx, iam.MeRequest{})
	require.ErrorContains(t, err, "Invalid access token")
	require.Equal(t, http.StatusUnauthorized, w.Requests()[len(w.Requests())-1].Status)
}
