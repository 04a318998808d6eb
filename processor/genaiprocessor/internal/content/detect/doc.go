// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package detect finds texts of a certain form: e-mail addresses, phone numbers, numbers of payment
// cards, IBANs, IP addresses, API keys. It is pure, it works on characters (a match begins and ends
// between two of them), and the time that it needs is linear in the length of the text.
package detect
