// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

// Check names what was checked.
type Check string

// The checks, in the order in which they are made.
const (
	CheckReach      Check = "reach"
	CheckSignIn     Check = "sign_in"
	CheckCatalog    Check = "catalog"
	CheckSchema     Check = "schema"
	CheckTable      Check = "table"
	CheckLayout     Check = "layout"
	CheckColumns    Check = "columns"
	CheckGrants     Check = "grants"
	CheckExperiment Check = "experiment"
	CheckIngest     Check = "ingest"
)

// Weight says what a finding means.
type Weight int

const (
	// WeightAdvice: data arrives, but not all is as it should be.
	WeightAdvice Weight = iota
	// WeightUnknown: it could not be checked.
	WeightUnknown
	// WeightFault: it is known to be wrong, and data would be refused or lost.
	WeightFault
)

// Finding is something that is not as it must be, or could not be checked.
type Finding struct {
	Check  Check
	Weight Weight
	// Message is one sentence that says what is wrong, without an end mark.
	Message string
	// Remedy is the one statement or click that removes the fault.
	Remedy string
	// Statement is a statement too long for a line of status; Remedy mentions it.
	Statement string
	// Alone is true when no other request to the workspace can succeed either: there is no
	// connection.
	Alone bool
}

// String is the finding as one sentence.
func (f Finding) String() string {
	if f.Remedy == "" {
		return f.Message
	}
	return f.Message + "; remedy: " + f.Remedy
}

// Definite reports whether the finding is known to be a fault.
func (f Finding) Definite() bool { return f.Weight == WeightFault }
