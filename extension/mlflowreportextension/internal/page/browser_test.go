// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser is a Chromium without a window. It is spoken to in its DevTools protocol over a pipe: JSON, each message with
// a zero byte behind it.
type browser struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader

	last   int
	events []event
}

type event struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

type answer struct {
	event
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// names of the program, as packages install it.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// newBrowser starts a browser. Without one the test is not run; in CI it fails.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range browsers {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		const how = "NOT RUN: there is no Chromium; scripts/chromium.sh installs it"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	theirs, in, err := os.Pipe()
	require.NoError(t, err)
	out, theirOut, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
		"--disable-background-networking", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe")
	cmd.ExtraFiles = []*os.File{theirs, theirOut} // 3 and 4
	require.NoError(t, cmd.Start())
	require.NoError(t, errors.Join(theirs.Close(), theirOut.Close()))
	b := &browser{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	limit := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { // it ends its own processes, which write into the folder
		_, err := in.WriteString(`{"id":1000000,"method":"Browser.close"}` + "\x00")
		_, _ = io.Copy(io.Discard, out)
		_ = errors.Join(err, cmd.Wait(), in.Close(), out.Close())
		limit.Stop()
	})
	return b
}

// call calls a method of a session and returns its result.
func (b *browser) call(session, method string, params map[string]any) json.RawMessage {
	b.t.Helper()
	b.last++
	message := map[string]any{"id": b.last, "method": method, "params": params}
	if session != "" {
		message["sessionId"] = session
	}
	body, err := json.Marshal(message)
	require.NoError(b.t, err)
	_, err = b.in.Write(append(body, 0))
	require.NoError(b.t, err)
	for {
		a := b.read()
		if a.ID != b.last {
			continue
		}
		require.Nil(b.t, a.Error, "%s: %+v", method, a.Error)
		return a.Result
	}
}

// read reads a message; an event is kept.
func (b *browser) read() answer {
	b.t.Helper()
	body, err := b.out.ReadBytes(0)
	require.NoError(b.t, err)
	var a answer
	require.NoError(b.t, json.Unmarshal(body[:len(body)-1], &a))
	if a.Method != "" {
		b.events = append(b.events, a.event)
	}
	return a
}

// look is how a page is looked at.
type look struct {
	width  int
	dark   bool
	script bool
}

// open opens a page and returns the session of it.
func (b *browser) open(path string, l look) (session string) {
	b.t.Helper()
	var target struct {
		TargetID string `json:"targetId"`
	}
	require.NoError(b.t, json.Unmarshal(b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}),
		&target))
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	require.NoError(b.t, json.Unmarshal(b.call("", "Target.attachToTarget",
		map[string]any{"targetId": target.TargetID, "flatten": true}), &attached))
	session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(session, domain+".enable", nil)
	}
	b.call(session, "Emulation.setDeviceMetricsOverride",
		map[string]any{"width": l.width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	b.call(session, "Emulation.setEmulatedMedia",
		map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
	b.call(session, "Emulation.setScriptExecutionDisabled", map[string]any{"value": !l.script})
	b.events = nil
	b.call(session, "Page.navigate", map[string]any{"url": "file://" + path})
	for !b.saw("Page.loadEventFired") {
		b.read()
	}
	return session
}

func (b *browser) saw(method string) bool {
	for _, e := range b.events {
		if e.Method == method {
			return true
		}
	}
	return false
}

// evaluate runs an expression in a page and reads its value.
func (b *browser) evaluate(session, expression string, value any) {
	b.t.Helper()
	var result struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	require.NoError(b.t, json.Unmarshal(b.call(session, "Runtime.evaluate",
		map[string]any{"expression": expression, "returnByValue": true}), &result))
	require.Empty(b.t, result.Exception, "%s", result.Exception)
	require.NoError(b.t, json.Unmarshal(result.Result.Value, value))
}

// shot takes a picture of a part of a page, as PNG.
func (b *browser) shot(session string, width, height int) []byte {
	b.t.Helper()
	var picture struct {
		Data []byte `json:"data"`
	}
	require.NoError(b.t, json.Unmarshal(b.call(session, "Page.captureScreenshot", map[string]any{
		"captureBeyondViewport": true,
		"clip":                  map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
	}), &picture))
	return picture.Data
}

// complaints are what a page wrote to the console and asked others for.
func (b *browser) complaints() (list []string) {
	for _, e := range b.events {
		switch e.Method {
		case "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown":
			list = append(list, string(e.Params))
		case "Network.requestWillBeSent":
			var r struct {
				Request struct {
					URL string `json:"url"`
				} `json:"request"`
				Type string `json:"type"`
			}
			require.NoError(b.t, json.Unmarshal(e.Params, &r))
			if r.Type != "Document" && (len(r.Request.URL) < 5 || r.Request.URL[:5] != "data:") {
				list = append(list, fmt.Sprintf("request: %s %s", r.Type, r.Request.URL))
			}
		}
	}
	return list
}
