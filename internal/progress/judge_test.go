package progress

import (
	"strings"
	"testing"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// The reason why traces were skipped is the headline only when it is the whole story.
func TestHeadlineOfNothingDelivered(t *testing.T) {
	account := func(read, unreachable int64) []Account {
		a := Account{Done: true, Run: Totals{Read: read}, InFlight: read - unreachable}
		a.Run.Skip(mlflow.Unreachable, unreachable)
		return []Account{a}
	}
	details := map[mlflow.Reason]string{mlflow.Unreachable: "spans are in s3://bucket (not readable here)"}
	if got := Judge(account(5, 5), details, 0.01, nil, nil).Headline; got != "0 of 5 delivered: spans are in s3://bucket (not readable here)" {
		t.Errorf("all skipped: %s", got)
	}
	if got := Judge(account(5, 1), details, 0.01, nil, nil).Headline; !strings.HasPrefix(got, "not complete: 0 of 5 traces accepted") {
		t.Errorf("one skipped, the others not settled: %s", got)
	}
}
