// Package genaiprocessor refines GenAI spans: it counts tokens and makes columns of assessments.
package genaiprocessor

//go:generate go tool mdatagen metadata.yaml
