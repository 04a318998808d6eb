// Package encodings finds the token encoding for a model and counts with it. It is pure, and needs no network.
package encodings
