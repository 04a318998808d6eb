// Package databrickstest is a fake Databricks workspace: the routes that exporters, setup and readers use, over real HTTP, faithful to what is documented and to
// what official clients were seen to send. Where the truth is not known the behaviour can be chosen (Switches, Outcome, Fault). It needs no testing.T.
package databrickstest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Names and secrets that every fake workspace has.
const (
	// Admin is the user who owns what the test arranges. As owner he may do everything in Unity Catalog, yet OTLP wants explicit grants of him too.
	Admin = "owner@example.com"
	// AdminToken is a personal access token of Admin.
	AdminToken = "dapi-admin"
	// WorkspaceID is what the workspace says it is.
	WorkspaceID = "1234567890123456"
	// WarehouseID is a SQL warehouse that is running.
	WarehouseID = "wh123"
	// MetastoreID and Region are what metastore_summary says.
	MetastoreID = "m-uuid"
	Region      = "us-west-2"
)

// Options says how a workspace starts; the zero value is fine.
type Options struct {
	// Address to listen on, 127.0.0.1:0 if empty. Addresses that are not loopback are refused.
	Address string
	// Clock is the workspace's time; nil means time.Now.
	Clock func() time.Time
	// Switches are the choices to start with; nil means DefaultSwitches().
	Switches *Switches
}

// Workspace is one fake workspace. Its methods may be called while it serves.
type Workspace struct {
	server  *httptest.Server
	zerobus *httptest.Server // the ingest host
	mux     *http.ServeMux
	now     func() time.Time
	closed  chan struct{}
	once    sync.Once

	// mu guards everything below. Handlers take it themselves; functions whose comment says "under the lock" expect it.
	mu       sync.Mutex
	switches Switches
	fault    func(*http.Request) *Fault
	requests []Request
	serial   int // of ids
	access   access
	catalogs map[string]*catalog
	grants   map[securable]map[string]privileges
	otlp     otlpState
	sql      sqlState
	mlflow   mlflowState
	monitors monitorState
}

// New starts a workspace on loopback. It takes at most one Options. It panics where Start has an error.
func New(options ...Options) *Workspace {
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	w, err := Start(o)
	if err != nil {
		panic("databrickstest: " + err.Error())
	}
	return w
}

// Start starts a workspace. An address that is not loopback, or taken, is an error.
func Start(o Options) (*Workspace, error) {
	var l net.Listener
	if o.Address != "" {
		var err error
		if l, err = listen(o.Address); err != nil {
			return nil, err
		}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	switches := DefaultSwitches()
	if o.Switches != nil {
		switches = o.Switches.complete()
	}
	w := &Workspace{
		mux: http.NewServeMux(), now: o.Clock, closed: make(chan struct{}), switches: switches, catalogs: map[string]*catalog{},
		grants: map[securable]map[string]privileges{}, access: newAccess(), otlp: newOTLPState(), sql: newSQLState(),
	}
	w.AddToken(AdminToken, Admin)
	w.SetWarehouse(Warehouse{ID: WarehouseID})
	w.routeAuth()
	w.routeOTLP()
	w.routeUnity()
	w.routeStatements()
	w.routeWarehouses()
	w.routeMLflow()
	w.routeMonitors()
	w.server = httptest.NewUnstartedServer(w.front(w.mux))
	if l != nil {
		_ = w.server.Listener.Close()
		w.server.Listener = l
	}
	w.server.Start()
	w.zerobus = httptest.NewServer(w.front(http.HandlerFunc(w.serveZerobus)))
	return w, nil
}

// URL is the workspace's address.
func (w *Workspace) URL() string { return w.server.URL }

// Close stops it. Requests that are held are let go.
func (w *Workspace) Close() {
	w.once.Do(func() {
		close(w.closed)
		w.server.CloseClientConnections()
		w.server.Close()
		w.zerobus.CloseClientConnections()
		w.zerobus.Close()
		w.closeStorage()
	})
}
