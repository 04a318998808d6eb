package databrickstest

// monitorState is what the routes of quality monitors remember. Guarded by Workspace.mu.
type monitorState struct{}

// routeMonitors registers the routes of quality monitors.
func (w *Workspace) routeMonitors() {}
