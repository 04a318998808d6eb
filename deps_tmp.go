package deps

import (
	_ "github.com/databricks/databricks-sdk-go/client"
	_ "github.com/databricks/databricks-sdk-go/service/catalog"
	_ "github.com/databricks/databricks-sdk-go/service/dataquality"
	_ "github.com/databricks/databricks-sdk-go/service/iam"
	_ "github.com/databricks/databricks-sdk-go/service/ml"
	_ "github.com/databricks/databricks-sdk-go/service/sql"
	_ "github.com/databricks/databricks-sdk-go/useragent"
	_ "go.opentelemetry.io/collector/config/configauth"
	_ "go.opentelemetry.io/collector/config/configcompression"
	_ "go.opentelemetry.io/collector/config/configoptional"
	_ "go.opentelemetry.io/collector/exporter"
	_ "go.opentelemetry.io/collector/exporter/exporterhelper"
	_ "go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	_ "go.opentelemetry.io/collector/exporter/exportertest"
	_ "go.opentelemetry.io/collector/extension/extensionauth"
	_ "go.opentelemetry.io/collector/extension/extensionauth/extensionauthtest"
	_ "google.golang.org/grpc/credentials"
)
