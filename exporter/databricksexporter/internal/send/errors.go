package send

// Refused is the error of data that is refused for good: nobody gave it up yet. It is permanent.
type Refused struct {
	Reason, Message string
}

// Error implements error.
func (e *Refused) Error() string { return e.Message }

// Delayed is the error of data that was not delivered and may be later.
type Delayed struct{ Message string }

// Error implements error.
func (e *Delayed) Error() string { return e.Message }
