module github.com/otelcol-mlflow/otelcol-mlflow/bench

go 1.26.0

replace github.com/otelcol-mlflow/otelcol-mlflow => ../

require github.com/otelcol-mlflow/otelcol-mlflow v0.0.0-00010101000000-000000000000

require golang.org/x/sys v0.48.0 // indirect
