// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// maxIDs is how many traces one query asks for.
const maxIDs = 500

// Keys that stores since 3.17 keep in columns of trace_info. The server leaves out rows of tags and
// metadata with these keys and answers with the columns, so that is what is done here.
const (
	tagTraceName   = "mlflow.traceName"
	metaSession    = "mlflow.trace.session"
	metaTokenUsage = "mlflow.trace.tokenUsage"
	metaCost       = "mlflow.trace.cost"
)

// The columns of tokenUsage and cost, named as the members of the JSON objects, in the server's
// order.
var (
	tokenColumns = [...]string{"input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens",
		"cache_creation_input_tokens", "cache_creation_input_tokens_above_1hr"}
	costColumns = [...]string{"input_cost", "output_cost", "total_cost"}
)

// promoted reports whether the store keeps the value of the metadata key in columns.
func (s *schema) promoted(key string) bool {
	switch key {
	case metaSession:
		return s.traceInfo["session_id"]
	case metaTokenUsage:
		return s.traceInfo["total_tokens"]
	case metaCost:
		return s.traceInfo["total_cost"]
	}
	return false
}

// Detailed implements mlflow.Source. Infos of traces that were deleted meanwhile keep what they
// have.
func (s *Store) Detailed(ctx context.Context, infos []mlflow.Info) error {
	for part := range slices.Chunk(infos, maxIDs) {
		err := s.inHalves(part, func(infos []mlflow.Info) error {
			return s.session(ctx, func(at session) error {
				_, err := s.detail(ctx, at, infos)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// inHalves calls f with infos and, if that lasted too long for the database, with each half once.
func (s *Store) inHalves(infos []mlflow.Info, f func([]mlflow.Info) error) error {
	err := f(infos)
	if half := len(infos) / 2; half > 0 && err != nil && s.db.slow(err) {
		if err = f(infos[:half]); err == nil {
			err = f(infos[half:])
		}
	}
	return err
}

// rowsOf is a query for the rows of a table that belong to the traces of a list.
func (s *Store) rowsOf(list *idList, of *member, table, id, columns string, dest []destination) query {
	of.places = list.places
	return query{
		text: s.d.rowsOf(columns, table, id, list.n), args: slices.Clip(list.args), of: of,
		dest: append([]destination{of}, dest...),
	}
}

// detailed reports whether Detailed or Lookup filled the info.
func detailed(info *mlflow.Info) bool { return info.Tags != nil && info.Metadata != nil }

// detail fills at most maxIDs infos and tells which of the traces exist.
func (s *Store) detail(ctx context.Context, at session, infos []mlflow.Info) ([]bool, error) {
	list := s.listOf(infos)
	arenas := make([]arena, len(infos))
	found, err := s.infoRows(ctx, at, list, infos, arenas)
	if err != nil {
		return nil, err
	}
	err = s.pairs(ctx, at, "trace_tags", list, arenas, func(i int, pair mlflow.KeyValue) {
		if found[i] && !(pair.Key == tagTraceName && s.schema.traceInfo["trace_name"]) {
			infos[i].Tags = append(infos[i].Tags, pair)
		}
	})
	if err != nil {
		return nil, err
	}
	err = s.pairs(ctx, at, "trace_request_metadata", list, arenas, func(i int, pair mlflow.KeyValue) {
		if found[i] && !s.schema.promoted(pair.Key) &&
			!(s.schema.forcesVersion() && pair.Key == mlflow.MetaSchemaVersion) {
			infos[i].Metadata = append(infos[i].Metadata, pair)
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range infos {
		if found[i] {
			infos[i].Tags = sorted(infos[i].Tags, s.schema.tagLength())
			infos[i].Metadata = sorted(infos[i].Metadata, metadataLength)
			infos[i].NoteMetadata()
		}
	}
	if s.schema.hasAssessments {
		err = s.assessments(ctx, at, list, infos, arenas)
	}
	return found, err
}

// infoRow is what is scanned of a row of trace_info: what Infos reads, again, since a trace in
// progress goes on, and the rest. What the schema lacks stays null.
type infoRow struct {
	of                                               member
	experiment, timestamp, duration                  integer
	status, client, request, response, name, session text
	tokens                                           [len(tokenColumns)]integer
	costs                                            [len(costColumns)]real
}

func (s *Store) infoQuery(list *idList, row *infoRow) query {
	columns := []column{
		{"client_request_id", &row.client}, {"request_preview", &row.request}, {"response_preview", &row.response},
		{"trace_name", &row.name}, {"session_id", &row.session},
	}
	row.name.null, row.session.null = true, true
	for i := range row.tokens {
		row.tokens[i].null = true
		columns = append(columns, column{tokenColumns[i], &row.tokens[i]})
	}
	for i := range row.costs {
		row.costs[i].null = true
		columns = append(columns, column{costColumns[i], &row.costs[i]})
	}
	names, dest := selected(s.schema.traceInfo, columns)
	q := s.rowsOf(list, &row.of, "trace_info", "request_id",
		"t.experiment_id, t.timestamp_ms, t.execution_time_ms, t.status"+names,
		append([]destination{&row.experiment, &row.timestamp, &row.duration, &row.status}, dest...))
	if s.opts.Workspace != "" {
		q.text += " AND t.experiment_id IN (SELECT experiment_id FROM experiments WHERE workspace = ?)"
		q.args = append(q.args, s.opts.Workspace)
	}
	return q
}

// usualTags and usualMetadata are the room that is made for tags and metadata: what traces have
// that servers write today.
const usualTags, usualMetadata = 6, 16

// infoRows reads the rows of trace_info and tells which of the traces have one.
func (s *Store) infoRows(ctx context.Context, at session, list *idList, infos []mlflow.Info,
	arenas []arena) ([]bool, error) {
	var row infoRow
	var buf []byte
	found := make([]bool, len(infos))
	err := at.query(ctx, s.infoQuery(list, &row), func() error {
		found[row.of.at] = true
		info, own := &infos[row.of.at], &arenas[row.of.at]
		info.ExperimentID = strconv.FormatInt(row.experiment.n, 10)
		info.Timestamp, info.Duration, info.State = row.timestamp.n, row.duration.n, state(row.status.s)
		info.Untimed = row.duration.null
		info.ClientRequestID, info.RequestPreview, info.ResponsePreview = own.keep(row.client.s),
			own.keep(row.request.s), own.keep(row.response.s)
		info.Tags, info.Metadata, info.Assessments = make([]mlflow.KeyValue, 0, usualTags),
			make([]mlflow.KeyValue, 0, usualMetadata), nil
		if !row.name.null {
			info.Tags = append(info.Tags, mlflow.KeyValue{Key: tagTraceName, Value: own.keep(row.name.s)})
		}
		if s.schema.forcesVersion() {
			info.Metadata = append(info.Metadata, mlflow.KeyValue{Key: mlflow.MetaSchemaVersion, Value: "3"})
		}
		if !row.session.null {
			info.Metadata = append(info.Metadata, mlflow.KeyValue{Key: metaSession, Value: own.keep(row.session.s)})
		}
		if buf = appendTokens(buf[:0], row.tokens[:]); len(buf) > 0 {
			info.Metadata = append(info.Metadata, mlflow.KeyValue{Key: metaTokenUsage, Value: own.keep(stringOf(buf))})
		}
		if buf = appendCosts(buf[:0], row.costs[:]); len(buf) > 0 {
			info.Metadata = append(info.Metadata, mlflow.KeyValue{Key: metaCost, Value: own.keep(stringOf(buf))})
		}
		return nil
	})
	return found, err
}

// appendTokens appends the JSON object that the server makes of the token columns, or nothing if
// all are null.
func appendTokens(dst []byte, tokens []integer) []byte {
	for i := range tokens {
		if !tokens[i].null {
			dst = strconv.AppendInt(appendMember(dst, tokenColumns[i]), tokens[i].n, 10)
		}
	}
	return closeObject(dst)
}

// appendCosts does the same for the cost columns.
func appendCosts(dst []byte, costs []real) []byte {
	for i := range costs {
		if !costs[i].null {
			dst = pyjson.AppendFloat(appendMember(dst, costColumns[i]), costs[i].f)
		}
	}
	return closeObject(dst)
}

func appendMember(dst []byte, key string) []byte {
	if len(dst) == 0 {
		dst = append(dst, '{')
	} else {
		dst = append(dst, ", "...)
	}
	return append(pyjson.AppendString(dst, key), ": "...)
}

func closeObject(dst []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, '}')
	}
	return dst
}

// pairRow is a row of trace_tags or trace_request_metadata.
type pairRow struct {
	of          member
	name, value text
}

func (s *Store) pairsQuery(table string, list *idList, row *pairRow) query {
	return s.rowsOf(list, &row.of, table, "request_id", "t.key, t.value", []destination{&row.name, &row.value})
}

// pairs reads a table of keys and values and hands over each pair.
func (s *Store) pairs(ctx context.Context, at session, table string, list *idList, arenas []arena,
	each func(i int, pair mlflow.KeyValue)) error {
	var row pairRow
	names := map[string]string{} // few keys, many rows: keep one string of each
	return at.query(ctx, s.pairsQuery(table, list, &row), func() error {
		name, ok := names[row.name.s]
		if !ok {
			name = strings.Clone(row.name.s)
			names[name] = name
		}
		each(row.of.at, mlflow.KeyValue{Key: name, Value: arenas[row.of.at].keep(row.value.s)})
		return nil
	})
}

// What servers do to infos when they answer is done here too, so that a trace is the same whichever
// way it is read: they cut long values (to_proto of TraceInfo in MLflow), and those of 3.2 to 3.4
// call every trace one of schema version 3 (TraceInfo.__post_init__).
const metadataLength = 250

func (s *schema) tagLength() int {
	switch s.revision {
	case "5b0e9adcef9c", "4465047574b1", "f5a4f2784254": // 2.14 to 2.17
		return 250
	}
	return 4096
}

func (s *schema) forcesVersion() bool {
	switch s.revision {
	case "770bee3ae1dd", "1a0cddfcaa16", "71994744cf8e": // 3.2 to 3.4
		return true
	}
	return false
}

// sorted orders pairs by key and cuts their values to a number of characters; 0 means no limit.
func sorted(pairs []mlflow.KeyValue, limit int) []mlflow.KeyValue {
	for i := range pairs {
		pairs[i].Value = cut(pairs[i].Value, limit)
	}
	slices.SortStableFunc(pairs, func(a, b mlflow.KeyValue) int { return strings.Compare(a.Key, b.Key) })
	return pairs
}

func cut(s string, limit int) string {
	if limit == 0 || len(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n++; n > limit {
			return s[:i]
		}
	}
	return s
}
