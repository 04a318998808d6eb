// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package storagefile checks the files of the file_storage extension before components open them, and reads
// those of other processes.
// They are files of bbolt, which looks at its pages in a goroutine of its own when it opens one: what
// is wrong with a page ends the process there, and no component can catch that.
package storagefile
