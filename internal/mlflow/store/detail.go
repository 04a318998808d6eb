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

// Keys that stores since 3.17 keep in columns of trace_info. The server leaves out rows of tags and metadata with these keys and answers with the columns, so
// that is what is done here.
const (
	tagTraceName   = "mlflow.traceName"
	metaSession    = "mlflow.trace.session"
	metaTokenUsage = "mlflow.trace.tokenUsage"
	metaCost       = "mlflow.trace.cost"
)

// The columns of tokenUsage and cost, named as the members of the JSON objects, in the server's order.
var (
	tokenColumns = []string{"input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation_input_tokens_above_1hr"}
	costColumns  = []string{"input_cost", "output_cost", "total_cost"}
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

// Detailed implements mlflow.Source. Infos of traces that were deleted meanwhile keep what they have.
func (s *Store) Detailed(ctx context.Context, infos []mlflow.Info) error {
	for len(infos) > 0 {
		n := min(len(infos), maxIDs)
		if _, err := s.detail(ctx, infos[:n]); err != nil {
			return err
		}
		infos = infos[n:]
	}
	return nil
}

// detailed reports whether Detailed or Lookup filled the info.
func detailed(info *mlflow.Info) bool { return info.Tags != nil && info.Metadata != nil }

// detail fills at most maxIDs infos and tells which of the traces exist.
func (s *Store) detail(ctx context.Context, infos []mlflow.Info) ([]bool, error) {
	list := idList(infos)
	found, err := s.infoRows(ctx, list, infos)
	if err != nil {
		return nil, err
	}
	for i := range infos {
		if infos[i].Tags == nil {
			infos[i].Tags = []mlflow.KeyValue{}
		}
		if infos[i].Metadata == nil {
			infos[i].Metadata = []mlflow.KeyValue{}
		}
	}
	err = s.pairs(ctx, "trace_tags", list, len(infos), func(i int, pairs []mlflow.KeyValue) {
		if s.schema.traceInfo["trace_name"] {
			pairs = slices.DeleteFunc(pairs, func(kv mlflow.KeyValue) bool { return kv.Key == tagTraceName })
		}
		infos[i].Tags = sorted(append(infos[i].Tags, pairs...))
	})
	if err != nil {
		return nil, err
	}
	err = s.pairs(ctx, "trace_request_metadata", list, len(infos), func(i int, pairs []mlflow.KeyValue) {
		pairs = slices.DeleteFunc(pairs, func(kv mlflow.KeyValue) bool { return s.schema.promoted(kv.Key) })
		infos[i].Metadata = sorted(append(infos[i].Metadata, pairs...))
	})
	if err != nil || !s.schema.hasAssessments {
		return found, err
	}
	return found, s.assessments(ctx, list, infos)
}

// infoRows reads the rows of trace_info: what Infos reads, again, since a trace in progress goes on, and the rest.
func (s *Store) infoRows(ctx context.Context, list string, infos []mlflow.Info) ([]bool, error) {
	var key integer
	var experiment, timestamp, duration integer
	var status, client, request, response, name, session text
	tokens, costs := make([]integer, len(tokenColumns)), make([]real, len(costColumns))
	columns := []string{"ids.key", "t.experiment_id", "t.timestamp_ms", "t.execution_time_ms", "t.status"}
	dest := []any{&key, &experiment, &timestamp, &duration, &status}
	optional := func(column string, to any) {
		if s.schema.traceInfo[column] {
			columns, dest = append(columns, "t."+column), append(dest, to)
		}
	}
	optional("client_request_id", &client)
	optional("request_preview", &request)
	optional("response_preview", &response)
	optional("trace_name", &name)
	optional("session_id", &session)
	for i, column := range tokenColumns {
		tokens[i].null = true
		optional(column, &tokens[i])
	}
	for i, column := range costColumns {
		costs[i].null = true
		optional(column, &costs[i])
	}
	q := "SELECT " + strings.Join(columns, ", ") + " FROM " + s.d.ids + " trace_info t ON t.request_id = ids.value"
	args := []any{list}
	if s.opts.Workspace != "" {
		q += " WHERE t.experiment_id IN (SELECT experiment_id FROM experiments WHERE workspace = ?)"
		args = append(args, s.opts.Workspace)
	}
	name.null, session.null = true, true
	var found []bool
	var buf []byte
	err := s.query(ctx, func() { found = make([]bool, len(infos)) }, q, args, dest, func() error {
		found[key.n] = true
		info := &infos[key.n]
		info.ExperimentID = strconv.FormatInt(experiment.n, 10)
		info.Timestamp, info.Duration, info.State = timestamp.n, duration.n, state(status.s)
		info.ClientRequestID, info.RequestPreview, info.ResponsePreview = client.s, request.s, response.s
		info.Tags, info.Metadata, info.Assessments = []mlflow.KeyValue{}, []mlflow.KeyValue{}, nil
		if !name.null {
			info.Tags = append(info.Tags, mlflow.KeyValue{Key: tagTraceName, Value: name.s})
		}
		if !session.null {
			info.Metadata = append(info.Metadata, mlflow.KeyValue{Key: metaSession, Value: session.s})
		}
		if buf = appendTokens(buf[:0], tokens); len(buf) > 0 {
			info.Metadata = append(info.Metadata, mlflow.KeyValue{Key: metaTokenUsage, Value: string(buf)})
		}
		if buf = appendCosts(buf[:0], costs); len(buf) > 0 {
			info.Metadata = append(info.Metadata, mlflow.KeyValue{Key: metaCost, Value: string(buf)})
		}
		return nil
	})
	return found, err
}

// appendTokens appends the JSON object that the server makes of the token columns, or nothing if all are null.
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

// pairs reads a table of keys and values and hands over the pairs of each trace that has any.
func (s *Store) pairs(ctx context.Context, table, list string, n int, each func(i int, pairs []mlflow.KeyValue)) error {
	var key integer
	var k, v text
	type row struct {
		i    int
		pair mlflow.KeyValue
	}
	rows := make([]row, 0, 12*n)
	names := map[string]string{}
	q := "SELECT ids.key, t.key, t.value FROM " + s.d.ids + " " + table + " t ON t.request_id = ids.value"
	err := s.query(ctx, func() { rows = rows[:0] }, q, []any{list}, []any{&key, &k, &v}, func() error {
		name, ok := names[k.s]
		if !ok {
			name = k.s
			names[name] = name
		}
		rows = append(rows, row{int(key.n), mlflow.KeyValue{Key: name, Value: v.s}})
		return nil
	})
	if err != nil {
		return err
	}
	var pairs []mlflow.KeyValue
	for i := 0; i < len(rows); {
		at := rows[i].i
		pairs = pairs[:0]
		for ; i < len(rows) && rows[i].i == at; i++ {
			pairs = append(pairs, rows[i].pair)
		}
		each(at, pairs)
	}
	return nil
}

// sorted orders pairs by key.
func sorted(pairs []mlflow.KeyValue) []mlflow.KeyValue {
	slices.SortStableFunc(pairs, func(a, b mlflow.KeyValue) int { return strings.Compare(a.Key, b.Key) })
	return pairs
}
