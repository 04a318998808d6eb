// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"fmt"
	"time"

	"github.com/databricks/databricks-sdk-go/service/sql"
)

// Result is what a statement returned. All values are text, as the API sends them; NULL reads as
// "".
type Result struct {
	Columns []string
	Rows    [][]string
}

// How often a running statement is checked, and how many looks in a row may go wrong.
const (
	firstLook   = 200 * time.Millisecond
	longestLook = 5 * time.Second
	mostBlind   = 10
)

// Statement runs a statement in a warehouse and returns all rows. A stopped warehouse is started
// for it, which can take minutes. When ctx ends, the statement is canceled.
func (c *Client) Statement(ctx context.Context, warehouse, statement string) (Result, error) {
	const doing = "running a statement in the warehouse"
	about := doing + " " + warehouse
	service := sql.NewStatementExecution(c.api)
	request := sql.ExecuteStatementRequest{
		WarehouseId: warehouse, Statement: statement, WaitTimeout: "0s", Disposition: sql.DispositionInline,
		Format: sql.FormatJsonArray,
	}
	r, err := service.ExecuteStatement(ctx, request)
	if err != nil {
		return Result{}, explain(ctx, about, err)
	}
	wait, blind := firstLook, 0
	for running(r) {
		if err := c.set.Sleep(ctx, wait); err != nil {
			c.cancel(ctx, service, r.StatementId)
			return Result{}, &Error{Kind: KindSlow, Doing: about, Message: "it did not end in time; it was canceled",
				Err: err}
		}
		wait = min(wait*3/2, longestLook)
		next, err := service.GetStatement(ctx, sql.GetStatementRequest{StatementId: segment(r.StatementId)})
		if err == nil {
			r, blind = next, 0
			continue
		}
		err = explain(ctx, about, err)
		if blind++; ctx.Err() != nil || !Passes(err) || blind > mostBlind {
			c.cancel(ctx, service, r.StatementId)
			return Result{}, err
		}
	}
	if err := outcome(r, about); err != nil {
		return Result{}, err
	}
	return c.rows(ctx, service, r, about)
}

// running reports whether the statement has not ended.
func running(r *sql.StatementResponse) bool {
	return r.Status != nil &&
		(r.Status.State == sql.StatementStatePending || r.Status.State == sql.StatementStateRunning)
}

// outcome is nil for a statement that succeeded. A failure comes as HTTP 200.
func outcome(r *sql.StatementResponse, about string) error {
	e := &Error{Kind: KindFailed, Doing: about, Status: 200}
	switch {
	case r.Status == nil:
		e.Kind, e.Message = KindBadAnswer, "the answer does not say how it ended"
		return e
	case r.Status.State == sql.StatementStateSucceeded:
		return nil
	}
	e.Message = "it ended as " + string(r.Status.State)
	if r.Status.Error != nil {
		e.Code, e.Message = string(r.Status.Error.ErrorCode), short(r.Status.Error.Message)
	}
	switch e.Code {
	case string(sql.ServiceErrorCodeTemporarilyUnavailable), string(sql.ServiceErrorCodeServiceUnderMaintenance),
		string(sql.ServiceErrorCodeResourceExhausted),
		string(sql.ServiceErrorCodeWorkspaceTemporarilyUnavailable):
		e.Kind = KindBusy
	}
	return e
}

// rows collects all chunks of a result.
func (c *Client) rows(ctx context.Context, service sql.StatementExecutionInterface, r *sql.StatementResponse,
	about string) (Result, error) {
	var out Result
	broken := func(format string, args ...any) (Result, error) {
		return Result{}, &Error{Kind: KindBadAnswer, Doing: about, Message: fmt.Sprintf(format, args...)}
	}
	if r.Manifest == nil {
		return out, nil
	}
	if r.Manifest.Truncated {
		return broken("the result is too large and was cut")
	}
	if r.Manifest.Schema != nil {
		for _, col := range r.Manifest.Schema.Columns {
			out.Columns = append(out.Columns, col.Name)
		}
	}
	data := r.Result
	for data != nil {
		if len(data.ExternalLinks) > 0 {
			return broken("the result lies outside the workspace, which was not asked for")
		}
		for _, row := range data.DataArray {
			if len(row) != len(out.Columns) {
				return broken("a row has %d values for %d columns", len(row), len(out.Columns))
			}
		}
		out.Rows = append(out.Rows, data.DataArray...)
		if data.NextChunkIndex == 0 {
			break
		}
		if data.NextChunkIndex <= data.ChunkIndex {
			return broken("chunk %d is followed by chunk %d", data.ChunkIndex, data.NextChunkIndex)
		}
		next, err := service.GetStatementResultChunkN(ctx,
			sql.GetStatementResultChunkNRequest{StatementId: segment(r.StatementId), ChunkIndex: data.NextChunkIndex})
		if err != nil {
			return Result{}, explain(ctx, about, err)
		}
		data = next
	}
	if n := r.Manifest.TotalRowCount; n != int64(len(out.Rows)) {
		return broken("%d rows came, the workspace counted %d", len(out.Rows), n)
	}
	return out, nil
}

// cancel ends a statement that nobody waits for. That it fails changes nothing: the statement ends
// by itself.
func (c *Client) cancel(ctx context.Context, service sql.StatementExecutionInterface, id string) {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer end()
	_ = service.CancelExecution(ctx, sql.CancelExecutionRequest{StatementId: segment(id)})
}
