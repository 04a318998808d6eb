// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !amd64

package tokens

import "unsafe"

func classify(s string, m *masks) { classifyPortable(s, m) }

func prefetch[K shortKey | mediumKey](unsafe.Pointer, []lookup[K]) {}

func lowest(values *[mergeRoom]uint32, groups int) int { return lowestPortable(values, groups) }

func lowestEach(b *lanes, n, groups int) { lowestEachPortable(b, n, groups) }
