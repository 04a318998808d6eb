// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package extensionconverter is a converter of configurations that changes nothing. It takes a whole
// configuration and returns an error for each reference to an extension that is not there, is not in
// service::extensions, or can't do what it is named for.
//
// The collector looks for extensions when components start, so its command validate does not find
// these mistakes by itself. With this converter it does. Components that no pipeline uses are left
// out, as they are at a start.
package extensionconverter
