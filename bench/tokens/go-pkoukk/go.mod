module github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/go-pkoukk

go 1.26.0

replace github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/harness => ../harness

require github.com/otelcol-mlflow/otelcol-mlflow/bench/tokens/harness v0.0.0-00010101000000-000000000000

require (
	github.com/pkoukk/tiktoken-go v0.1.8
	github.com/pkoukk/tiktoken-go-loader v0.0.2
)

require (
	github.com/dlclark/regexp2 v1.10.0 // indirect
	github.com/google/uuid v1.3.0 // indirect
)
