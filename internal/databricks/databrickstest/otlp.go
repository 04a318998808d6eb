package databrickstest

import "strings"

// otlpState is what the OTLP routes remember. Guarded by Workspace.mu.
type otlpState struct {
	standing map[string]Outcome   // by table, "" for all
	next     map[string][]Outcome // the same
}

// isOTLP reports whether the path takes OTLP.
func isOTLP(path string) bool {
	return strings.HasPrefix(path, "/api/2.0/otel/v1/") || strings.HasPrefix(path, "/api/2.0/tracing/otel/v1/") || strings.HasPrefix(path, "/v1/")
}
