// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import "time"

// Refused is the error of data that is refused for good, and that the caller still has. It is
// permanent.
type Refused struct {
	// Reason is one word, as metrics have it; Message is one sentence.
	Reason, Message string
}

// Error implements error.
func (e *Refused) Error() string { return e.Message }

// Delayed is the error of data that was not delivered and may be later.
type Delayed struct {
	Message string
	// Wait is how long to wait at least; 0 leaves it to the retry settings.
	Wait time.Duration
}

// Error implements error.
func (e *Delayed) Error() string { return e.Message }
