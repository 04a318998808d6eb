// Package destination names the tables that the exporter writes to, and holds the seams between sending, preflight and verification. It does no I/O.
package destination
