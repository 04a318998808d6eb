// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// dialect is what differs between databases in the text of queries. Queries are written once, with ? for
// parameters.
type dialect struct {
	kind string // for people
	// part is how many bytes of spans are read before their traces are handed on; a trace is never cut.
	// It bounds memory, and how long a query of SQLite keeps its lock. Less costs time: each query begins
	// anew.
	part int
	// decodesAtOnce: spans are decoded while their row is there, which spares a copy. Otherwise it is done
	// after the end of the transaction.
	decodesAtOnce bool
	// rowsOf returns the beginning of a query for columns of the rows of a table, called t, that belong
	// to n traces; id is the column that holds the trace id. The first column of the answer tells the
	// trace, see member. " AND " may follow.
	rowsOf func(columns, table, id string, n int) string
	// listed returns the parameters of rowsOf, and the places of ids where rowsOf tells the id of a trace and not
	// its place.
	listed func(ids []string) ([]any, map[string]int)
	// bind puts the parameters in the spelling of the database.
	bind func(text string) string
	// bytes returns a column of ids as an expression that is compared and ordered by the bytes of UTF-8.
	bytes func(column string) string
	// fraction is a parameter that is a floating point number and is compared with integers.
	fraction string
	// compare compares a text column, as an MLflow server on the database does.
	compare func(column string, c clause) (string, []any)
	// grant are the statements that let the user read tables.
	grant func(l login, tables []string) []string
	// granted tells which of them the user has. l.user is the account as the server names it.
	granted func(ctx context.Context, at session, l login) ([]mlflow.Grant, error)
	// denied reports whether an error means that the user may not read a table; nil: none does.
	denied func(error) bool
	// columns returns the names of the columns of a table that can be read, none if there is no such
	// table. An error is errDenied if there is one that can't be read.
	columns func(ctx context.Context, at session, table string) (map[string]bool, error)
}

// tables are all that is read.
var tables = [...]string{"alembic_version", "experiments", "trace_info", "trace_tags", "trace_request_metadata",
	"assessments", "spans"}

// allowed returns the error with what an administrator can do about it, if the user may not read.
func (s *Store) allowed(err error) error {
	if !errors.Is(err, errDenied) && s.d.denied != nil && s.d.denied(err) {
		return fmt.Errorf("%w; an administrator can grant what is needed: %s", err, s.grants(tables[:]...))
	}
	return err
}

// idList is a list of traces whose rows are asked for.
type idList struct {
	args   []any
	n      int
	places map[string]int
}

func (s *Store) listOf(infos []mlflow.Info) *idList {
	ids := make([]string, len(infos))
	for i := range infos {
		ids[i] = infos[i].ID
	}
	args, places := s.d.listed(ids)
	return &idList{args: args, n: len(ids), places: places}
}

func placesOf(ids []string) map[string]int {
	places := make(map[string]int, len(ids))
	for i, id := range ids {
		places[id] = i
	}
	return places
}
