// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMedia(t *testing.T) {
	file := strings.Repeat("iVBORw0KGgoAAAAN", minBlob/16)
	for name, tc := range map[string]struct {
		text, bare string
		media      int
	}{
		"nothing":             {"", "", 0},
		"prose":               {strings.Repeat("A line of words. ", 200), strings.Repeat("A line of words. ", 200), 0},
		"a file":              {`{"data": "` + file + `"}`, `{"data": ""}`, 1},
		"a file and no more":  {file, "", 1},
		"a byte too short":    {`"` + file[1:] + `"`, `"` + file[1:] + `"`, 0},
		"two files":           {`["` + file + `", "x", "` + file + `AB=="]`, `["", "x", ""]`, 2},
		"a data URL":          {`{"url": "data:image/png;base64,iVBORw0KGgo"}`, `{"url": "data:image/png;base64,"}`, 1},
		"an empty data URL":   {`data:;base64,`, `data:;base64,`, 1},
		"a data URL, a file":  {`a data:x;base64,AA== "` + file + `" b`, `a data:x;base64, "" b`, 2},
		"a file, a data URL":  {`"` + file + `" data:x;base64,AA==`, `"" data:x;base64,`, 2},
		"a long data URL":     {`data:x;base64,` + file + file, `data:x;base64,`, 1},
		"a line of dashes":    {strings.Repeat("-", 2*minBlob) + " x", strings.Repeat("-", 2*minBlob) + " x", 0},
		"dashes, then a file": {strings.Repeat("=", minBlob) + " " + file, strings.Repeat("=", minBlob) + " ", 1},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.media, countMedia(tc.text))
			_, bare, media := withoutMedia(nil, tc.text)
			require.Equal(t, tc.bare, bare)
			require.Equal(t, tc.media, media)
		})
	}
}

// FuzzMedia holds that only base64 characters are left out, and that the two functions agree.
func FuzzMedia(f *testing.F) {
	file := strings.Repeat("iVBORw0KGgoAAAAN", minBlob/16)
	f.Add("a data:;base64,AA== " + file + " b;base64,")
	f.Add(strings.Repeat("-", 600) + file)
	f.Fuzz(func(t *testing.T, text string) {
		_, bare, media := withoutMedia(nil, text)
		require.Equal(t, media, countMedia(text))
		left := func(r rune) rune {
			if r < 256 && base64[r] {
				return -1
			}
			return r
		}
		require.Equal(t, strings.Map(left, text), strings.Map(left, bare))
		if media == 0 {
			require.Equal(t, text, bare)
		}
		_, again, _ := withoutMedia(nil, bare)
		require.Equal(t, bare, again)
	})
}

// A text of nothing but files, or of nothing but headers of data URLs, is read once. Read again for
// each of them it takes minutes.
func TestMediaInLinearTime(t *testing.T) {
	const size = 32 << 20
	file := strings.Repeat("iVBORw0KGgoAAAAN", minBlob/16)
	start := time.Now()
	for _, one := range []string{dataMark + " ", file + " "} {
		text := strings.Repeat(one, size/len(one))
		require.Equal(t, size/len(one), countMedia(text))
		_, bare, media := withoutMedia(nil, text)
		require.Equal(t, size/len(one), media)
		require.NotContains(t, bare, file)
	}
	require.Less(t, time.Since(start), 2*time.Minute)
}
