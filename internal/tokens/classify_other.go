//go:build !amd64

package tokens

func classify(s string, m *masks) { classifyPortable(s, m) }
