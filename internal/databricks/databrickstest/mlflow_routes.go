package databrickstest

// mlflowState is what the MLflow routes remember. Guarded by Workspace.mu.
type mlflowState struct{}

// routeMLflow registers the MLflow routes.
func (w *Workspace) routeMLflow() {}
