// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/sql"
	"github.com/stretchr/testify/require"
)

// recorded is a workspace with the recorded spans of MLflow's own client.
func recorded(t *testing.T, o ...Options) *Workspace {
	w := ready(t, o...)
	require.Equal(t, 200, replay(t, w.URL(), AdminToken, fixture(t,
		"10_otlp_traces_request_mlflow.json")["export"]).status)
	return w
}

// ask runs a statement through databricks-sdk-go and returns its rows; a failed statement is an
// error.
func ask(t *testing.T, w *Workspace, statement string) ([][]string, error) {
	return askAs(t, w, AdminToken, statement)
}

func askAs(t *testing.T, w *Workspace, token, statement string) ([][]string, error) {
	r, err := sql.NewStatementExecution(sdkOf(t, w, token)).ExecuteStatement(context.Background(),
		sql.ExecuteStatementRequest{
			Statement: statement, WarehouseId: WarehouseID, WaitTimeout: "30s",
		})
	require.NoError(t, err, statement)
	if r.Status.State != sql.StatementStateSucceeded {
		require.Equal(t, sql.StatementStateFailed, r.Status.State)
		require.NotEmpty(t, r.Status.SqlState)
		return nil, errors.New(r.Status.Error.Message)
	}
	return r.Result.DataArray, nil
}

// TestStatementsAsRecorded compares the envelopes.
func TestStatementsAsRecorded(t *testing.T) {
	w := recorded(t)
	all := fixture(t, "32_sql_statement_execution.json")
	for _, name := range []string{"ddl_ok", "failed_is_http_200", "select_rows", "warehouse_missing"} {
		e := all[name]
		// The fake knows no SELECT that fails in this way.
		e.Request.Body = json.RawMessage(strings.ReplaceAll(string(e.Request.Body), `"SELECT x"`,
			`"COMMENT ON COLUMN cat.sch.pre_otel_spans.`+"`x`"+` IS ''"`))
		got := replay(t, w.URL(), AdminToken, e)
		require.Equal(t, e.Response.Status, got.status, "%s: %s", name, got.body)
		var want, have map[string]any
		require.NoError(t, json.Unmarshal(e.Response.Body, &want))
		require.NoError(t, json.Unmarshal(got.body, &have))
		if name != "warehouse_missing" {
			require.NotEmpty(t, have["statement_id"])
			delete(want, "statement_id")
		}
		requireContains(t, want, have, name)
	}
	require.Equal(t, "VIEW", w.Table("cat.sch.pre_genai_traces").Kind)
	e := all["pending"]
	e.Request.Body = json.RawMessage(strings.ReplaceAll(string(e.Request.Body), "…", countSpans))
	got := replay(t, w.URL(), AdminToken, e)
	requireAnswer(t, e, got, "statement_id")
	var doc struct {
		ID string `json:"statement_id"`
	}
	require.NoError(t, json.Unmarshal(got.body, &doc))
	got = send(t, "GET", w.URL()+"/api/2.0/sql/statements/"+doc.ID, AdminToken, nil, nil)
	var have map[string]any
	require.NoError(t, json.Unmarshal(got.body, &have))
	requireContains(t, map[string]any{"statement_id": doc.ID, "status": map[string]any{"state": "SUCCEEDED"}}, have,
		"poll")
}

// requireContains checks that everything wanted is there.
func requireContains(t *testing.T, want, have map[string]any, where string) {
	t.Helper()
	for k, v := range want {
		if m, ok := v.(map[string]any); ok {
			require.IsType(t, m, have[k], "%s.%s", where, k)
			requireContains(t, m, have[k].(map[string]any), where+"."+k)
			continue
		}
		require.Equal(t, v, have[k], "%s.%s", where, k)
	}
}

// recordedSpans are the ids of the spans of recordedTrace.
var recordedSpans = []string{"99c484fe7c0b62f7", "abc74674d8a3dfa8", "f46bc5a933edd159"}

const (
	countSpans = "SELECT count(*) FROM cat.sch.pre_otel_spans"
	timesOfV2  = "time >= timestamp_seconds(1795200000) AND time <= timestamp_seconds(1795300000)"
	ofRecorded = " FROM `cat`.`sch`.`pre_otel_spans` WHERE " + timesOfV2 + " AND trace_id IN ('" + recordedTrace +
		"','00')"
	sumsOfSpans = "SELECT trace_id, count(*), count(DISTINCT span_id), min(span_id), max(span_id)" + ofRecorded +
		" GROUP BY trace_id"
	listOfSpans = "SELECT trace_id, span_id, count(*)" + ofRecorded + " GROUP BY trace_id, span_id"
)

// TestVerification counts what was delivered, as an exporter does: what is visible, in the time and
// of the traces that are asked for, repeats included.
func TestVerification(t *testing.T) {
	c := newClock()
	w := recorded(t, Options{Clock: c.Now})
	ids := recordedSpans
	rows, err := ask(t, w, sumsOfSpans)
	require.NoError(t, err)
	require.Equal(t, [][]string{{recordedTrace, "3", "3", ids[0], ids[2]}}, rows)
	w.Set(func(s *Switches) { s.VisibleAfter = time.Minute })
	require.Equal(t, 200, replay(t, w.URL(), AdminToken, fixture(t,
		"10_otlp_traces_request_mlflow.json")["export"]).status)
	rows, err = ask(t, w, sumsOfSpans)
	require.NoError(t, err)
	require.Equal(t, "3", rows[0][1], "not visible yet")
	c.Advance(time.Minute)
	rows, err = ask(t, w, sumsOfSpans)
	require.NoError(t, err)
	require.Equal(t, [][]string{{recordedTrace, "6", "3", ids[0], ids[2]}}, rows, "the repeat is seen")
	w.AddRows(spansTable, Row{"trace_id": recordedTrace, "span_id": nil, "start_time_unix_nano": int64(1795237484e9)})
	c.Advance(time.Minute)
	rows, err = ask(t, w, sumsOfSpans)
	require.NoError(t, err)
	require.Equal(t, [][]string{{recordedTrace, "7", "3", ids[0], ids[2]}}, rows, "NULL is no distinct span")
	rows, err = ask(t, w, listOfSpans)
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{recordedTrace, "", "1"}, {recordedTrace, ids[0], "2"}, {recordedTrace, ids[1], "2"},
		{recordedTrace, ids[2], "2"},
	}, rows)
	rows, err = ask(t, w, strings.Replace(listOfSpans, "1795300000", "1795200001", 1))
	require.NoError(t, err)
	require.Empty(t, rows, "another time")
	v1 := strings.NewReplacer(timesOfV2,
		"start_time_unix_nano >= 1795200000000000000 AND start_time_unix_nano <= 1795300000000000000")
	rows, err = ask(t, w, v1.Replace(sumsOfSpans))
	require.NoError(t, err)
	require.Len(t, rows, 1)
	rows, err = ask(t, w, countSpans)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"7"}}, rows)
}

// TestUnknown sends statements that no shape fits, some of them only just. The error says which.
func TestUnknown(t *testing.T) {
	w := recorded(t)
	for _, s := range []string{
		"SELECT 1", "SELECT trace_id FROM cat.sch.pre_otel_spans", countSpans + " WHERE 1 = 1",
		"DELETE FROM cat.sch.pre_otel_spans",
		"MERGE INTO cat.sch.t USING cat.sch.v ON a = b", "SHOW TABLES IN cat.sch",
		"DROP TABLE cat.sch.pre_otel_logs CASCADE",
		strings.Replace(sumsOfSpans, "max(span_id)", "max(name)", 1),
		strings.Replace(sumsOfSpans, " AND trace_id", " OR trace_id", 1),
		"ALTER VIEW cat.sch.v SET TBLPROPERTIES ('a' = b)",
		"CREATE VIEW cat.sch.v (\n  `a` COMMENT 'x' NOT NULL\n)\nAS\nSELECT 1",
		"CREATE VIEW cat.sch.v AS VALUES (1)", "CREATE OR REFRESH STREAMING TABLE cat.sch.s AS SELECT 1",
	} {
		_, err := ask(t, w, s)
		require.ErrorContains(t, err, "does not know this statement", s)
		require.ErrorContains(t, err, s, s)
	}
	require.NotNil(t, w.Table("cat.sch.pre_otel_logs"))
	require.Len(t, w.Rows(spansTable), 3)
}

func TestDefinitions(t *testing.T) {
	w := recorded(t)
	const create = "(\n  `a` COMMENT 'the user\\'s (first)',\n  `b` COMMENT ''\n)\nCOMMENT 'text'\nTBLPROPERTIES " +
		"('made.by' = 'us', 'x' = 'C:\\\\y')\nAS\n" +
		"SELECT trace_id, count(*) FROM cat.sch.pre_otel_spans"
	for _, s := range []struct{ sql, err string }{
		{"CREATE VIEW `cat`.`sch`.`v` " + create, ""},
		{"CREATE VIEW cat.sch.v AS SELECT 1 AS a", "TABLE_OR_VIEW_ALREADY_EXISTS"},
		{"CREATE VIEW IF NOT EXISTS cat.sch.v AS SELECT 1 AS a", ""},
		{"CREATE VIEW cat.nope.w AS SELECT 1 AS a", "SCHEMA_NOT_FOUND"},
		{"CREATE OR REPLACE VIEW cat.sch.pre_otel_spans AS SELECT 1 AS a", "EXPECT_VIEW_NOT_TABLE"},
		{"ALTER VIEW cat.sch.v SET TBLPROPERTIES ('made.by' = 'others \\u0024{x}')", ""},
		{"ALTER VIEW cat.sch.gone SET TBLPROPERTIES ('a' = 'b')", "TABLE_OR_VIEW_NOT_FOUND"},
		{"CREATE VIEW cat.sch.w AS SELECT trace_id, span_id AS `odd name` FROM cat.sch.pre_otel_spans", ""},
		{"COMMENT ON COLUMN cat.sch.w.`odd name` IS 'z'", ""},
		{"COMMENT ON COLUMN cat.sch.w.`gone` IS 'z'", "UNRESOLVED_COLUMN"},
		{"CREATE OR REPLACE VIEW cat.sch.x AS SELECT 1 AS a", ""},
		{"CREATE OR REPLACE VIEW cat.sch.x AS SELECT 1 AS b", ""},
		{"CREATE VIEW cat.sch.y AS SELECT 1 AS a", ""},
		{"ALTER VIEW cat.sch.y AS WITH q AS (\n  SELECT 1 AS a\n)\nSELECT\n  COALESCE(a, 1) AS `b`,\n  q.`c`\nFROM q",
			""},
		{"DROP TABLE cat.sch.v", "WRONG_COMMAND_FOR_OBJECT_TYPE"},
		{"DROP VIEW IF EXISTS cat.sch.gone", ""},
		{"DROP VIEW cat.sch.gone", "TABLE_OR_VIEW_NOT_FOUND"},
		{"SELECT count(*) FROM cat.sch.v", "does not execute the query of the view"},
	} {
		_, err := ask(t, w, s.sql)
		if s.err == "" {
			require.NoError(t, err, s.sql)
		} else {
			require.ErrorContains(t, err, s.err, s.sql)
		}
	}
	v := w.Table("cat.sch.v")
	require.Equal(t, "VIEW", v.Kind)
	require.Equal(t, []Column{{Name: "a", Type: "string", Comment: "the user's (first)"}, {Name: "b", Type: "string"}},
		v.Columns)
	require.Equal(t, "text", v.Comment)
	require.Equal(t, map[string]string{"made.by": "others ${x}", "x": `C:\y`}, v.Properties)
	require.Equal(t, "SELECT trace_id, count(*) FROM cat.sch.pre_otel_spans", v.View)
	require.Equal(t, []Column{{Name: "trace_id", Type: "string"}, {Name: "odd name", Type: "string", Comment: "z"}},
		w.Table("cat.sch.w").Columns)
	require.Equal(t, []Column{{Name: "b", Type: "string"}}, w.Table("cat.sch.x").Columns)
	require.Equal(t, []Column{{Name: "b", Type: "string"}, {Name: "c", Type: "string"}}, w.Table("cat.sch.y").Columns)
	require.Equal(t, "FAILED", w.Statements()[1].State)
	require.Contains(t, w.Statements()[1].Error, "ALREADY_EXISTS")
	require.Equal(t, WarehouseID, w.Statements()[0].Warehouse)
}

// TestStreamingTable reads a streaming table: it shows the rows of its source, and takes no OTLP.
func TestStreamingTable(t *testing.T) {
	w := recorded(t)
	const name = "cat.sch.copy_otel_spans"
	_, err := ask(t, w, "CREATE OR REFRESH STREAMING TABLE "+name+"\nCOMMENT 'c'\nAS SELECT *\nFROM "+
		"STREAM("+spansTable+") AS s\nWHERE s.trace_id <> ''")
	require.NoError(t, err)
	require.Equal(t, "STREAMING_TABLE", w.Table(name).Kind)
	require.Equal(t, "c", w.Table(name).Comment)
	rows, err := ask(t, w, "SELECT count(*) FROM "+name)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"3"}}, rows)
	w.GrantWriting(Admin, name)
	got := post(t, w, "/api/2.0/otel/v1/traces", name, spans(t, 1))
	require.Equal(t, 400, got.status)
	require.Contains(t, string(got.body), "is a STREAMING_TABLE, not a table")
	_, err = ask(t, w, "DROP TABLE IF EXISTS "+name)
	require.NoError(t, err)
	require.Nil(t, w.Table(name))
}

// TestRightsInSQL reads and writes as a user who owns nothing.
func TestRightsInSQL(t *testing.T) {
	w := recorded(t)
	w.AddToken("dapi-1", "u")
	do := func(s string) error {
		_, err := askAs(t, w, "dapi-1", s)
		return err
	}
	_, err := ask(t, w, "CREATE VIEW cat.sch.v AS SELECT trace_id FROM cat.sch.pre_otel_spans")
	require.NoError(t, err)
	require.ErrorContains(t, do(countSpans), "TABLE_OR_VIEW_NOT_FOUND", "what can't be reached is not there")
	w.Grant("u", "cat", "USE_CATALOG")
	require.ErrorContains(t, do("DROP VIEW cat.sch.v"), "USE SCHEMA on Schema 'cat.sch'")
	w.Grant("u", "cat.sch", "USE_SCHEMA")
	require.ErrorContains(t, do(countSpans), "does not have SELECT on Table 'cat.sch.pre_otel_spans'")
	require.ErrorContains(t, do("CREATE VIEW cat.sch.mine AS SELECT 1 AS a"), "CREATE TABLE on Schema 'cat.sch'")
	for _, s := range []string{
		"CREATE OR REPLACE VIEW cat.sch.v AS SELECT 1 AS a", "DROP VIEW cat.sch.v",
		"ALTER VIEW cat.sch.v AS SELECT 1 AS a",
		"ALTER VIEW cat.sch.v SET TBLPROPERTIES ('a' = 'b')", "COMMENT ON COLUMN cat.sch.v.`trace_id` IS 'x'",
	} {
		require.ErrorContains(t, do(s), "not an owner", s)
	}
	w.Grant("u", spansTable, "SELECT")
	require.NoError(t, do(countSpans))
	w.Grant("u", "cat.sch", "CREATE_TABLE")
	require.NoError(t, do("CREATE VIEW cat.sch.mine AS SELECT 1 AS a"))
	require.Equal(t, "u", w.Table("cat.sch.mine").Owner)
	require.NoError(t, do("DROP VIEW cat.sch.mine"))

	execution := sql.NewStatementExecution(sdkOf(t, w, "dapi-1"))
	_, err = execution.GetStatementByStatementId(context.Background(), w.Statements()[0].ID)
	require.ErrorIs(t, err, apierr.ErrNotFound, "the statement of another user")
	w.SetWarehouse(Warehouse{ID: WarehouseID, Denied: []string{"u"}})
	_, err = execution.ExecuteStatement(context.Background(),
		sql.ExecuteStatementRequest{Statement: "SELECT 1", WarehouseId: WarehouseID})
	require.ErrorIs(t, err, apierr.ErrPermissionDenied)
}

// TestWaiting drives a cold warehouse and slow statements.
func TestWaiting(t *testing.T) {
	ctx := context.Background()
	c := newClock()
	w := recorded(t, Options{Clock: c.Now})
	w.SetWarehouse(Warehouse{ID: "cold", State: "STOPPED", StartsIn: time.Minute, RunningAnswers: 1})
	execution := sql.NewStatementExecution(admin(t, w))
	h, err := sql.NewWarehouses(admin(t, w)).Get(ctx, sql.GetWarehouseRequest{Id: "cold"})
	require.NoError(t, err)
	require.Equal(t, sql.StateStopped, h.State)
	r, err := execution.ExecuteStatement(ctx,
		sql.ExecuteStatementRequest{Statement: "SELECT count(*) FROM cat.sch.pre_otel_spans", WarehouseId: "cold",
			WaitTimeout: "50s"})
	require.NoError(t, err)
	require.Equal(t, sql.StatementStatePending, r.Status.State)
	require.Nil(t, r.Result)
	require.Equal(t, "STARTING", w.WarehouseState("cold"))
	c.Advance(time.Minute)
	states := []sql.StatementState{}
	for range 2 {
		r, err = execution.GetStatementByStatementId(ctx, r.StatementId)
		require.NoError(t, err)
		states = append(states, r.Status.State)
	}
	require.Equal(t, []sql.StatementState{sql.StatementStateRunning, sql.StatementStateSucceeded}, states)
	require.Equal(t, [][]string{{"3"}}, r.Result.DataArray)

	w.SetWarehouse(Warehouse{ID: "slow", PendingAnswers: 1})
	r, err = execution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: "SELECT 1", WarehouseId: "slow",
		WaitTimeout:   "5s",
		OnWaitTimeout: sql.ExecuteStatementRequestOnWaitTimeoutCancel})
	require.NoError(t, err)
	require.Equal(t, sql.StatementStateCanceled, r.Status.State)
	r, err = execution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: "DROP TABLE cat.sch.pre_otel_logs",
		WarehouseId: WarehouseID,
		WaitTimeout: "0s"})
	require.NoError(t, err)
	require.Equal(t, sql.StatementStatePending, r.Status.State)
	require.NoError(t, execution.CancelExecution(ctx, sql.CancelExecutionRequest{StatementId: r.StatementId}))
	r, err = execution.GetStatementByStatementId(ctx, r.StatementId)
	require.NoError(t, err)
	require.Equal(t, sql.StatementStateCanceled, r.Status.State)
	require.NotNil(t, w.Table("cat.sch.pre_otel_logs"), "it was not executed")

	for name, bad := range map[string]sql.ExecuteStatementRequest{
		"too short":    {Statement: "SELECT 1", WarehouseId: WarehouseID, WaitTimeout: "4s"},
		"too long":     {Statement: "SELECT 1", WarehouseId: WarehouseID, WaitTimeout: "51s"},
		"no statement": {WarehouseId: WarehouseID},
		"no warehouse": {Statement: "SELECT 1"},
		"arrow":        {Statement: "SELECT 1", WarehouseId: WarehouseID, Format: sql.FormatArrowStream},
		"links":        {Statement: "SELECT 1", WarehouseId: WarehouseID, Disposition: sql.DispositionExternalLinks},
		"a parameter": {Statement: "SELECT 1", WarehouseId: WarehouseID,
			Parameters: []sql.StatementParameterListItem{{Name: "a", Value: "x"}}},
		"cancel at 0s": {Statement: "SELECT 1", WarehouseId: WarehouseID, WaitTimeout: "0s",
			OnWaitTimeout: sql.ExecuteStatementRequestOnWaitTimeoutCancel},
	} {
		_, err = execution.ExecuteStatement(ctx, bad)
		require.ErrorIs(t, err, apierr.ErrInvalidParameterValue, name)
	}
}

// TestChunks reads a result that comes in pieces, as the SDK's caller must.
func TestChunks(t *testing.T) {
	ctx := context.Background()
	w := recorded(t)
	w.AddRows(spansTable, Row{"trace_id": recordedTrace, "span_id": nil, "start_time_unix_nano": int64(1795237484e9)})
	w.Set(func(s *Switches) { s.ChunkRows = 2 })
	execution := sql.NewStatementExecution(admin(t, w))
	r, err := execution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: listOfSpans,
		WarehouseId: WarehouseID})
	require.NoError(t, err)
	require.EqualValues(t, 4, r.Manifest.TotalRowCount)
	require.Equal(t, 2, r.Manifest.TotalChunkCount)
	rows := r.Result.DataArray
	require.Len(t, rows, 2)
	require.Equal(t, 1, r.Result.NextChunkIndex)
	next, err := execution.GetStatementResultChunkN(ctx, sql.GetStatementResultChunkNRequest{StatementId: r.StatementId,
		ChunkIndex: r.Result.NextChunkIndex})
	require.NoError(t, err)
	require.EqualValues(t, 2, next.RowOffset)
	require.Empty(t, next.NextChunkInternalLink)
	rows = append(rows, next.DataArray...)
	require.Equal(t, [][]string{
		{recordedTrace, "", "1"}, {recordedTrace, recordedSpans[0], "1"}, {recordedTrace, recordedSpans[1], "1"},
		{recordedTrace, recordedSpans[2], "1"},
	}, rows)
	raw := send(t, "GET", w.URL()+"/api/2.0/sql/statements/"+r.StatementId, AdminToken, nil, nil)
	require.Contains(t, string(raw.body), `["`+recordedTrace+`",null,"1"]`, "NULL is null on the wire")
	_, err = execution.GetStatementResultChunkN(ctx, sql.GetStatementResultChunkNRequest{StatementId: r.StatementId,
		ChunkIndex: 2})
	require.ErrorIs(t, err, apierr.ErrNotFound)

	r, err = execution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: listOfSpans,
		WarehouseId: WarehouseID, RowLimit: 1})
	require.NoError(t, err)
	require.True(t, r.Manifest.Truncated)
	require.EqualValues(t, 1, r.Manifest.TotalRowCount)
	w.Set(func(s *Switches) { s.InlineLimit = 20 })
	_, err = ask(t, w, listOfSpans)
	require.ErrorContains(t, err, "Inline byte limit exceeded")
}
