package databrickssetupextension

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	w := workspace(t)
	out, err := run(t, w, keys{"scores": []any{"Quality"}})
	t.Log(out)
	require.NoError(t, err)
	require.Empty(t, mutations(w))
	out = apply(t, w, keys{"scores": []any{"Quality"}})
	t.Log(out)
	out = apply(t, w, keys{"scores": []any{"Quality"}})
	t.Log(out)
}
