package databrickstest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/sql"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// recorded is a workspace with the recorded spans of MLflow's own client.
func recorded(t *testing.T, o ...Options) *Workspace {
	w := ready(t, o...)
	require.Equal(t, 200, replay(t, w.URL(), AdminToken, fixture(t, "10_otlp_traces_request_mlflow.json")["export"]).status)
	return w
}

// ask runs a statement through databricks-sdk-go and returns its rows; a failed statement is an error.
func ask(t *testing.T, w *Workspace, statement string, parameters ...sql.StatementParameterListItem) ([][]string, error) {
	return askAs(t, w, AdminToken, statement, parameters...)
}

func askAs(t *testing.T, w *Workspace, token, statement string, parameters ...sql.StatementParameterListItem) ([][]string, error) {
	r, err := sql.NewStatementExecution(sdkOf(t, w, token)).ExecuteStatement(context.Background(), sql.ExecuteStatementRequest{
		Statement: statement, WarehouseId: WarehouseID, WaitTimeout: "30s", Parameters: parameters,
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
	e.Request.Body = json.RawMessage(strings.ReplaceAll(string(e.Request.Body), "…", "SELECT 1"))
	got := replay(t, w.URL(), AdminToken, e)
	requireAnswer(t, e, got, "statement_id")
	var doc struct {
		ID string `json:"statement_id"`
	}
	require.NoError(t, json.Unmarshal(got.body, &doc))
	got = send(t, "GET", w.URL()+"/api/2.0/sql/statements/"+doc.ID, AdminToken, nil, nil)
	var have map[string]any
	require.NoError(t, json.Unmarshal(got.body, &have))
	requireContains(t, map[string]any{"statement_id": doc.ID, "status": map[string]any{"state": "SUCCEEDED"}}, have, "poll")
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

// TestVerification counts what was delivered, as an exporter does.
func TestVerification(t *testing.T) {
	c := newClock()
	w := recorded(t, Options{Clock: c.Now})
	const query = "SELECT trace_id, count(*), count(DISTINCT span_id) FROM `cat`.`sch`.`pre_otel_spans` " +
		"WHERE trace_id IN (:a, :b) AND time BETWEEN :from AND :to GROUP BY trace_id"
	parameters := []sql.StatementParameterListItem{
		{Name: "a", Value: "5017f67503ac44dc5a0b9699ab7d14ef"}, {Name: "b", Value: "00"}, {Name: "from", Value: "2026-11-21T05:00:00Z", Type: "TIMESTAMP"},
		{Name: "to", Value: "2026-11-21 05:10:00", Type: "TIMESTAMP"},
	}
	rows, err := ask(t, w, query, parameters...)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"5017f67503ac44dc5a0b9699ab7d14ef", "3", "3"}}, rows)
	w.Set(func(s *Switches) { s.VisibleAfter = time.Minute })
	require.Equal(t, 200, replay(t, w.URL(), AdminToken, fixture(t, "10_otlp_traces_request_mlflow.json")["export"]).status)
	rows, err = ask(t, w, query, parameters...)
	require.NoError(t, err)
	require.Equal(t, "3", rows[0][1], "not visible yet")
	c.Advance(time.Minute)
	rows, err = ask(t, w, query, parameters...)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"5017f67503ac44dc5a0b9699ab7d14ef", "6", "3"}}, rows, "the repeat is seen")

	rows, err = ask(t, w, "DELETE FROM cat.sch.pre_otel_spans WHERE span_id = 'f46bc5a933edd159' AND attributes:`session.id`::STRING = 's1'")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"2"}}, rows)
	rows, err = ask(t, w, "SELECT count(*) FROM cat.sch.pre_otel_spans")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"4"}}, rows)
	require.Len(t, w.Rows(spansTable), 4)
	w.DropColumn(spansTable, "flags")
	_, err = ask(t, w, "SELECT flags FROM cat.sch.pre_otel_spans")
	require.ErrorContains(t, err, "UNRESOLVED_COLUMN")
	_, err = ask(t, w, "SELECT count(*) FROM cat.sch.pre_otel_metrics WHERE sum.value > 0 OR gauge.exemplars[0].value > 0")
	require.NoError(t, err)
}

// TestViewOfTheReference makes the two views of the reference and reads them; their SQL ran on Spark 4.
func TestViewOfTheReference(t *testing.T) {
	w := recorded(t)
	body, err := os.ReadFile("testdata/genai_traces.sql")
	require.NoError(t, err)
	for _, s := range strings.Split(strings.TrimSpace(string(body)), ";\n") {
		_, err := ask(t, w, s)
		require.NoError(t, err, s)
	}
	rows, err := ask(t, w, "SELECT * FROM cat.sch.pre_genai_traces")
	require.NoError(t, err)
	require.Equal(t, [][]string{{
		"5017f67503ac44dc5a0b9699ab7d14ef", "5017f67503ac44dc5a0b9699ab7d14ef", "2026-11-21T05:04:44.937883Z", "1795237484937", "119", "OK", "", "root",
		`{"q":"hi"}`, "ans hi", "12", "", "",
	}}, rows)
	view := w.Table("cat.sch.pre_genai_traces")
	require.Equal(t, Column{Name: "token_count_request", Type: "int"}, view.Columns[10])
	require.Equal(t, Column{Name: "request_time", Type: "timestamp"}, view.Columns[2])
	require.Equal(t, Column{Name: "start_time_ms", Type: "bigint"}, view.Columns[3])

	at := func(value any, updated string, deleted any) Row {
		return Row{"annotation_id": "ann-1", "target_type": "TRACE", "target_id": "t1", "annotation_type": "FEEDBACK", "name": "quality", "value": value,
			"updated_at": updated, "deleted_at": deleted}
	}
	w.AddRows("cat.sch.pre_otel_annotations", at("yes", "2026-11-21T05:04:45.076Z", nil), at("no", "2026-11-21T06:00:00Z", nil))
	scores := func() [][]string {
		rows, err := ask(t, w, "SELECT trace_id, metric_quality FROM cat.sch.pre_genai_trace_scores")
		require.NoError(t, err)
		return rows
	}
	require.Equal(t, [][]string{{"t1", "0.0"}}, scores(), "the newest wins")
	w.AddRows("cat.sch.pre_otel_annotations", at(0.75, "2026-11-21T07:00:00Z", nil))
	require.Equal(t, [][]string{{"t1", "0.75"}}, scores())
	w.AddRows("cat.sch.pre_otel_annotations", at(0.75, "2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z"))
	require.Empty(t, scores(), "deleted")
}

// TestTablesFromReference creates the tables with the DDL of the reference: they are those that CreateTables makes, and ingest takes them.
func TestTablesFromReference(t *testing.T) {
	w := start(t)
	w.CreateSchema("cat", "sch")
	body, err := os.ReadFile("testdata/otel_tables.sql")
	require.NoError(t, err)
	for _, s := range strings.Split(strings.TrimSpace(string(body)), ";\n") {
		_, err := ask(t, w, s)
		require.NoError(t, err, s)
	}
	same := start(t)
	same.CreateTables(pre, unity.V2)
	for _, name := range same.Tables() {
		require.Equal(t, same.Table(name).Columns, w.Table(name).Columns, name)
		require.Equal(t, same.Table(name).Properties, w.Table(name).Properties, name)
	}
	w.GrantWriting(Admin, spansTable)
	require.Equal(t, 200, post(t, w, "/api/2.0/otel/v1/traces", spansTable, spans(t, 1)).status)
}

func TestDefinitions(t *testing.T) {
	w := recorded(t)
	w.AddPrincipal("app-1")
	for _, s := range []struct{ sql, err string }{
		{"CREATE VIEW cat.sch.v (a COMMENT 'first', b) COMMENT 'text' TBLPROPERTIES ('made.by' = 'us') AS SELECT trace_id, count(*) FROM pre_otel_spans GROUP BY trace_id", ""},
		{"CREATE VIEW cat.sch.v AS SELECT 1 AS a", "TABLE_OR_VIEW_ALREADY_EXISTS"},
		{"CREATE VIEW IF NOT EXISTS cat.sch.v AS SELECT 1 AS a", ""},
		{"CREATE VIEW cat.sch.w AS SELECT 1 AS a, 2 AS A", "COLUMN_ALREADY_EXISTS"},
		{"CREATE VIEW cat.sch.w (a) AS SELECT 1, 2", "CREATE_VIEW_COLUMN_ARITY_MISMATCH"},
		{"CREATE VIEW cat.sch.w AS SELECT nope FROM pre_otel_spans", "UNRESOLVED_COLUMN"},
		{"CREATE VIEW cat.nope.w AS SELECT 1 AS a", "SCHEMA_NOT_FOUND"},
		{"CREATE OR REPLACE VIEW cat.sch.pre_otel_spans AS SELECT 1 AS a", "EXPECT_VIEW_NOT_TABLE"},
		{"CREATE OR REPLACE TABLE cat.sch.v (a INT)", "EXPECT_TABLE_NOT_VIEW"},
		{"CREATE TABLE cat.sch.t (a INT COMMENT 'x', b STRUCT<c: ARRAY<STRING>> NOT NULL) USING DELTA COMMENT 'y'", ""},
		{"ALTER TABLE cat.sch.t ADD COLUMNS (d DOUBLE)", ""},
		{"ALTER TABLE cat.sch.t ADD COLUMN d DOUBLE", "FIELD_ALREADY_EXISTS"},
		{"ALTER TABLE cat.sch.t SET TBLPROPERTIES ('delta.enableChangeDataFeed' = true)", ""},
		{"ALTER VIEW cat.sch.v UNSET TBLPROPERTIES ('made.by')", ""},
		{"ALTER VIEW cat.sch.t SET TBLPROPERTIES ('a' = 'b')", "WRONG_COMMAND_FOR_OBJECT_TYPE"},
		{"ALTER TABLE cat.sch.t OWNER TO `app-1`", ""},
		{"ALTER TABLE cat.sch.t OWNER TO nobody", "PRINCIPAL_DOES_NOT_EXIST"},
		{"COMMENT ON COLUMN cat.sch.t.d IS 'z'", ""},
		{"COMMENT ON TABLE cat.sch.t IS 'new'", ""},
		{"GRANT MODIFY, SELECT ON TABLE cat.sch.pre_otel_spans TO `app-1`", ""},
		{"GRANT USE SCHEMA ON SCHEMA cat.sch TO `app-1`", ""},
		{"REVOKE MODIFY ON TABLE cat.sch.pre_otel_spans FROM `app-1`", ""},
		{"GRANT SELECT ON TABLE cat.sch.pre_otel_spans TO nobody", "PRINCIPAL_DOES_NOT_EXIST"},
		{"GRANT MODIFY ON VIEW cat.sch.v TO `app-1`", "not applicable"},
		{"CREATE SCHEMA cat.more COMMENT 'm'", ""},
		{"CREATE SCHEMA cat.more", "SCHEMA_ALREADY_EXISTS"},
		{"CREATE TABLE cat.more.copy AS SELECT name, attributes, time FROM cat.sch.pre_otel_spans", ""},
		{"DROP TABLE cat.sch.v", "WRONG_COMMAND_FOR_OBJECT_TYPE"},
		{"DROP VIEW IF EXISTS cat.sch.gone", ""},
		{"DROP VIEW cat.sch.gone", "TABLE_OR_VIEW_NOT_FOUND"},
		{"MERGE INTO cat.sch.t USING cat.sch.v ON a = b", "PARSE_SYNTAX_ERROR"},
	} {
		_, err := ask(t, w, s.sql)
		if s.err == "" {
			require.NoError(t, err, s.sql)
		} else {
			require.ErrorContains(t, err, s.err, s.sql)
		}
	}
	v := w.Table("cat.sch.v")
	require.Equal(t, []Column{{"a", "string", "first"}, {"b", "bigint", ""}}, v.Columns)
	require.Equal(t, "text", v.Comment)
	require.Empty(t, v.Properties)
	require.Equal(t, "SELECT trace_id, count(*) FROM pre_otel_spans GROUP BY trace_id", v.View)
	rows, err := ask(t, w, "SELECT b FROM cat.sch.v")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"3"}}, rows)
	tb := w.Table("cat.sch.t")
	require.Equal(t, []Column{{"a", "int", "x"}, {"b", "struct<c:array<string>>", ""}, {"d", "double", "z"}}, tb.Columns)
	require.Equal(t, "app-1", tb.Owner)
	require.Equal(t, "new", tb.Comment)
	require.Equal(t, map[string]string{"delta.enableChangeDataFeed": "true"}, tb.Properties)
	require.Equal(t, []string{"SELECT"}, w.Granted("app-1", spansTable))
	require.Equal(t, []string{"USE_SCHEMA"}, w.Granted("app-1", "cat.sch"))
	require.Len(t, w.Rows("cat.more.copy"), 3)
	require.Equal(t, w.Rows(spansTable)[2]["attributes"], w.Rows("cat.more.copy")[2]["attributes"])
	rows, err = ask(t, w, "SHOW TABLES IN cat.more")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"more", "copy", "false"}}, rows)
	rows, err = ask(t, w, "DESCRIBE TABLE cat.sch.t")
	require.NoError(t, err)
	require.Equal(t, []string{"d", "double", "z"}, rows[2])
	require.Equal(t, "FAILED", w.Statements()[1].State)
	require.Contains(t, w.Statements()[1].Error, "ALREADY_EXISTS")
	require.Equal(t, WarehouseID, w.Statements()[0].Warehouse)
}

func TestMaterialized(t *testing.T) {
	w := recorded(t)
	_, err := ask(t, w, "CREATE MATERIALIZED VIEW cat.sch.m SCHEDULE EVERY 1 HOUR AS SELECT name, attributes:token_count_request::INT AS n FROM cat.sch.pre_otel_spans")
	require.NoError(t, err)
	require.Equal(t, "EVERY 1 HOUR", w.Table("cat.sch.m").Schedule)
	require.Equal(t, "MATERIALIZED_VIEW", w.Table("cat.sch.m").Kind)
	require.Equal(t, 200, post(t, w, "/api/2.0/otel/v1/traces", spansTable, spans(t, 1)).status)
	count := func() string {
		rows, err := ask(t, w, "SELECT count(*) FROM cat.sch.m")
		require.NoError(t, err)
		return rows[0][0]
	}
	require.Equal(t, "3", count(), "as old as the last refresh")
	_, err = ask(t, w, "REFRESH MATERIALIZED VIEW cat.sch.m")
	require.NoError(t, err)
	require.Equal(t, "4", count())
	require.Equal(t, int64(12), w.Rows("cat.sch.m")[2]["n"])
	_, err = ask(t, w, "CREATE OR REFRESH STREAMING TABLE cat.sch.s CLUSTER BY AUTO AS SELECT name FROM STREAM(cat.sch.pre_otel_spans)")
	require.NoError(t, err)
	require.Equal(t, "STREAMING_TABLE", w.Table("cat.sch.s").Kind)
	_, err = ask(t, w, "DELETE FROM cat.sch.m")
	require.ErrorContains(t, err, "EXPECT_TABLE_NOT_VIEW")
	_, err = ask(t, w, "CREATE MATERIALIZED VIEW cat.sch.copy_otel_spans AS SELECT * FROM cat.sch.pre_otel_spans")
	require.NoError(t, err)
	w.GrantWriting(Admin, "cat.sch.copy_otel_spans")
	got := post(t, w, "/api/2.0/otel/v1/traces", "cat.sch.copy_otel_spans", spans(t, 1))
	require.Equal(t, 400, got.status)
	require.Contains(t, string(got.body), "is a MATERIALIZED_VIEW, not a table")
}

// TestRightsInSQL reads and writes as somebody who owns nothing.
func TestRightsInSQL(t *testing.T) {
	w := recorded(t)
	w.AddToken("dapi-1", "u")
	do := func(s string) error {
		_, err := askAs(t, w, "dapi-1", s)
		return err
	}
	_, err := ask(t, w, "CREATE VIEW cat.sch.v AS SELECT trace_id FROM cat.sch.pre_otel_spans")
	require.NoError(t, err)
	const read, readView = "SELECT trace_id FROM cat.sch.pre_otel_spans", "SELECT trace_id FROM cat.sch.v"
	require.ErrorContains(t, do(read), "TABLE_OR_VIEW_NOT_FOUND", "what can't be reached is not there")
	w.Grant("u", "cat", "USE_CATALOG")
	w.Grant("u", "cat.sch", "USE_SCHEMA")
	require.ErrorContains(t, do(read), "does not have SELECT on Table 'cat.sch.pre_otel_spans'")
	w.Grant("u", "cat.sch.v", "SELECT")
	require.NoError(t, do(readView), "a view reads with the rights of its owner")
	require.ErrorContains(t, do("CREATE VIEW cat.sch.mine AS SELECT 1 AS a"), "CREATE TABLE on Schema 'cat.sch'")
	require.ErrorContains(t, do("CREATE OR REPLACE VIEW cat.sch.v AS SELECT 1 AS a"), "not an owner")
	require.ErrorContains(t, do("DROP VIEW cat.sch.v"), "not an owner")
	require.ErrorContains(t, do("GRANT SELECT ON TABLE cat.sch.pre_otel_spans TO u"), "not an owner")
	require.ErrorContains(t, do("CREATE SCHEMA cat.mine"), "CREATE SCHEMA on Catalog 'cat'")
	w.Grant("u", spansTable, "SELECT")
	require.NoError(t, do(read))
	require.ErrorContains(t, do("DELETE FROM cat.sch.pre_otel_spans"), "MODIFY on Table")
	require.Len(t, w.Rows(spansTable), 3)
	w.Grant("u", "cat.sch", "CREATE_TABLE")
	require.NoError(t, do("CREATE VIEW cat.sch.mine AS SELECT 1 AS a"))
	require.Equal(t, "u", w.Table("cat.sch.mine").Owner)
	require.NoError(t, do("DROP VIEW cat.sch.mine"))

	execution := sql.NewStatementExecution(sdkOf(t, w, "dapi-1"))
	_, err = execution.GetStatementByStatementId(context.Background(), w.Statements()[0].ID)
	require.ErrorIs(t, err, apierr.ErrNotFound, "the statement of somebody else")
	w.SetWarehouse(Warehouse{ID: WarehouseID, Denied: []string{"u"}})
	_, err = execution.ExecuteStatement(context.Background(), sql.ExecuteStatementRequest{Statement: "SELECT 1", WarehouseId: WarehouseID})
	require.ErrorIs(t, err, apierr.ErrPermissionDenied)
}

// TestWaiting drives a cold warehouse and slow statements.
func TestWaiting(t *testing.T) {
	ctx := context.Background()
	c := newClock()
	w := recorded(t, Options{Clock: c.Now})
	w.SetWarehouse(Warehouse{ID: "cold", State: "STOPPED", StartsIn: time.Minute, RunningAnswers: 1})
	client := admin(t, w)
	execution, warehouses := sql.NewStatementExecution(client), sql.NewWarehouses(client)
	h, err := warehouses.Get(ctx, sql.GetWarehouseRequest{Id: "cold"})
	require.NoError(t, err)
	require.Equal(t, sql.StateStopped, h.State)
	r, err := execution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: "SELECT count(*) FROM cat.sch.pre_otel_spans", WarehouseId: "cold",
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
	all, err := warehouses.ListAll(ctx, sql.ListWarehousesRequest{})
	require.NoError(t, err)
	require.Len(t, all, 2)
	_, err = warehouses.Stop(ctx, sql.StopRequest{Id: "cold"})
	require.NoError(t, err)
	_, err = warehouses.Start(ctx, sql.StartRequest{Id: "cold"})
	require.NoError(t, err)
	require.Equal(t, "STARTING", w.WarehouseState("cold"))

	w.SetWarehouse(Warehouse{ID: "slow", PendingAnswers: 1})
	r, err = execution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: "SELECT 1", WarehouseId: "slow", WaitTimeout: "5s",
		OnWaitTimeout: sql.ExecuteStatementRequestOnWaitTimeoutCancel})
	require.NoError(t, err)
	require.Equal(t, sql.StatementStateCanceled, r.Status.State)
	r, err = execution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: "DROP TABLE cat.sch.pre_otel_logs", WarehouseId: WarehouseID,
		WaitTimeout: "0s"})
	require.NoError(t, err)
	require.Equal(t, sql.StatementStatePending, r.Status.State)
	require.NoError(t, execution.CancelExecution(ctx, sql.CancelExecutionRequest{StatementId: r.StatementId}))
	r, err = execution.GetStatementByStatementId(ctx, r.StatementId)
	require.NoError(t, err)
	require.Equal(t, sql.StatementStateCanceled, r.Status.State)
	require.NotNil(t, w.Table("cat.sch.pre_otel_logs"), "it was not executed")

	for name, bad := range map[string]sql.ExecuteStatementRequest{
		"too short":     {Statement: "SELECT 1", WarehouseId: WarehouseID, WaitTimeout: "4s"},
		"too long":      {Statement: "SELECT 1", WarehouseId: WarehouseID, WaitTimeout: "51s"},
		"no statement":  {WarehouseId: WarehouseID},
		"no warehouse":  {Statement: "SELECT 1"},
		"arrow":         {Statement: "SELECT 1", WarehouseId: WarehouseID, Format: sql.FormatArrowStream},
		"links":         {Statement: "SELECT 1", WarehouseId: WarehouseID, Disposition: sql.DispositionExternalLinks},
		"odd parameter": {Statement: "SELECT 1", WarehouseId: WarehouseID, Parameters: []sql.StatementParameterListItem{{Name: "a", Type: "BLOB"}}},
		"cancel at 0s":  {Statement: "SELECT 1", WarehouseId: WarehouseID, WaitTimeout: "0s", OnWaitTimeout: sql.ExecuteStatementRequestOnWaitTimeoutCancel},
	} {
		_, err = execution.ExecuteStatement(ctx, bad)
		require.ErrorIs(t, err, apierr.ErrInvalidParameterValue, name)
	}
}

// TestChunks reads a result that comes in pieces, as the SDK's caller must.
func TestChunks(t *testing.T) {
	ctx := context.Background()
	w := recorded(t)
	w.Set(func(s *Switches) { s.ChunkRows = 2 })
	execution := sql.NewStatementExecution(admin(t, w))
	r, err := execution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: "SELECT span_id, service_name FROM cat.sch.pre_otel_spans ORDER BY 1",
		WarehouseId: WarehouseID})
	require.NoError(t, err)
	require.EqualValues(t, 3, r.Manifest.TotalRowCount)
	require.Equal(t, 2, r.Manifest.TotalChunkCount)
	rows := r.Result.DataArray
	require.Len(t, rows, 2)
	require.Equal(t, 1, r.Result.NextChunkIndex)
	next, err := execution.GetStatementResultChunkN(ctx, sql.GetStatementResultChunkNRequest{StatementId: r.StatementId, ChunkIndex: r.Result.NextChunkIndex})
	require.NoError(t, err)
	require.EqualValues(t, 2, next.RowOffset)
	require.Empty(t, next.NextChunkInternalLink)
	rows = append(rows, next.DataArray...)
	require.Equal(t, [][]string{{"99c484fe7c0b62f7", ""}, {"abc74674d8a3dfa8", ""}, {"f46bc5a933edd159", ""}}, rows)
	raw := send(t, "GET", w.URL()+"/api/2.0/sql/statements/"+r.StatementId, AdminToken, nil, nil)
	require.Contains(t, string(raw.body), `["99c484fe7c0b62f7",null]`, "NULL is null on the wire")
	_, err = execution.GetStatementResultChunkN(ctx, sql.GetStatementResultChunkNRequest{StatementId: r.StatementId, ChunkIndex: 2})
	require.ErrorIs(t, err, apierr.ErrNotFound)

	r, err = execution.ExecuteStatement(ctx, sql.ExecuteStatementRequest{Statement: "SELECT span_id FROM cat.sch.pre_otel_spans", WarehouseId: WarehouseID,
		RowLimit: 1})
	require.NoError(t, err)
	require.True(t, r.Manifest.Truncated)
	require.EqualValues(t, 1, r.Manifest.TotalRowCount)
	w.Set(func(s *Switches) { s.InlineLimit = 20 })
	_, err = ask(t, w, "SELECT span_id FROM cat.sch.pre_otel_spans")
	require.ErrorContains(t, err, "Inline byte limit exceeded")
}
