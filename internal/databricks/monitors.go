// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"

	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/dataquality"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Quality monitors have two APIs. Functions here whose names begin with Data speak the current one,
// those with Quality the older one. A workspace without one of them answers with an error whose
// kind is KindNoRoute. Both get and give the SDK's own types: a comparison of monitors needs all of
// them.

// objectType is what the current API calls tables and views.
const objectType = "table"

// DataMonitor reads the monitor of a table, which is known by its UUID.
func (c *Client) DataMonitor(ctx context.Context, id string) (*dataquality.Monitor, error) {
	m, err := dataquality.NewDataQuality(c.api).GetMonitor(ctx, dataquality.GetMonitorRequest{ObjectType: objectType,
		ObjectId: segment(id)})
	return m, explain(ctx, "reading the quality monitor", err)
}

// CreateDataMonitor creates the monitor of a table. It works in the background: the answer is a
// monitor that is pending.
func (c *Client) CreateDataMonitor(ctx context.Context, m dataquality.Monitor) error {
	m.ObjectType = objectType
	_, err := dataquality.NewDataQuality(c.api).CreateMonitor(ctx, dataquality.CreateMonitorRequest{Monitor: m})
	return explain(ctx, "creating the quality monitor", err)
}

// UpdateDataMonitor changes the fields that the mask names.
func (c *Client) UpdateDataMonitor(ctx context.Context, m dataquality.Monitor, mask string) error {
	m.ObjectType = objectType
	_, err := dataquality.NewDataQuality(c.api).UpdateMonitor(ctx, dataquality.UpdateMonitorRequest{
		Monitor: m, ObjectType: objectType, ObjectId: segment(m.ObjectId), UpdateMask: mask,
	})
	return explain(ctx, "changing the quality monitor", err)
}

// QualityMonitor reads the monitor of a table.
func (c *Client) QualityMonitor(ctx context.Context, table unity.Name) (*catalog.MonitorInfo, error) {
	// The deprecated API is the fallback for workspaces without the current one.
	m, err := catalog.NewQualityMonitors(c.api).Get(ctx, catalog.GetQualityMonitorRequest{TableName: fullName(table)})
	return m, explain(ctx, "reading the quality monitor of "+table.String(), err)
}

// CreateQualityMonitor creates the monitor of a table.
func (c *Client) CreateQualityMonitor(ctx context.Context, table unity.Name, m catalog.CreateMonitor) error {
	m.TableName = fullName(table)
	_, err := catalog.NewQualityMonitors(c.api).Create(ctx, m)
	return explain(ctx, "creating the quality monitor of "+table.String(), err)
}

// UpdateQualityMonitor replaces the configuration of a monitor.
func (c *Client) UpdateQualityMonitor(ctx context.Context, table unity.Name, m catalog.UpdateMonitor) error {
	m.TableName = fullName(table)
	_, err := catalog.NewQualityMonitors(c.api).Update(ctx, m)
	return explain(ctx, "changing the quality monitor of "+table.String(), err)
}
