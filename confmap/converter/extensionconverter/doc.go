// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package extensionconverter is a converter of configurations that changes nothing. It takes a whole
// configuration and returns an error for each reference to an extension that is not there, is not in
// service::extensions, or can't do what it is named for, and for what an mlflow_report extension in
// service::extensions refuses: with strict, a delivery that would not be acknowledged, and tokens that
// are to be counted of content that the receiver leaves out.
//
// The collector looks for extensions, and these for the configuration of others, when components
// start, so its command validate does not find these mistakes by itself. With this converter it does.
// Components that no pipeline uses are left out, as they are at a start.
package extensionconverter
