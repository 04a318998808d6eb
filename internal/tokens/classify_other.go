//go:build !amd64

package tokens

import "unsafe"

func classify(s string, m *masks) { classifyPortable(s, m) }

func prefetch[K shortKey | mediumKey](unsafe.Pointer, []lookup[K]) {}
