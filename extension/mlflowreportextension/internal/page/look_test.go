// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// findings are what the page's own measures tell: see measure.
type findings struct {
	Scroll, Width                                int
	Overlaps, Contrast, Outside, Cut, Duplicates []string
	Unnamed                                      int
	Lowest                                       float64
}

// measure looks at every visible text: its contrast by WCAG 2.2, whether it leaves the window or is cut, whether labels
// of a chart overlap, whether each drawing has a name or is hidden, whether ids are unique.
const measure = `(() => {
const out = {Scroll: document.documentElement.scrollWidth, Width: innerWidth, Overlaps: [], Contrast: [], Outside: [],
  Cut: [], Duplicates: [], Unnamed: 0, Lowest: 99};
const part = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2]);
const colour = s => (s.match(/[\d.]+/g) || []).map(Number);
const ground = e => {
  for (; e; e = e.parentElement) {
    const b = colour(getComputedStyle(e).backgroundColor);
    if (b.length === 3 || b[3] > .99) return b;
  }
  return colour(getComputedStyle(document.body).backgroundColor);
};
const narrow = innerWidth <= 600;
for (const e of document.querySelectorAll('body *')) {
  if (!e.checkVisibility() || e.closest('.vh,.skiplink,title,desc') || narrow && e.closest('.acc thead')) continue;
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
  const s = getComputedStyle(e), drawn = e instanceof SVGElement, said = e.textContent.trim().slice(0, 40);
  const text = light(colour(drawn ? s.fill : s.color));
  const back = light(ground(drawn ? e.closest('svg.plot').parentElement : e));
  const ratio = (Math.max(text, back) + .05) / (Math.min(text, back) + .05);
  out.Lowest = Math.min(out.Lowest, ratio);
  if (ratio < 4.5) out.Contrast.push(said + ' ' + ratio.toFixed(2));
  const r = e.getBoundingClientRect();
  if (r.width && (r.right > innerWidth + .5 || r.left < -.5)) out.Outside.push(said + ' ' + r.right.toFixed(0));
}
for (const g of document.querySelectorAll('svg.plot')) {
  const list = [...g.querySelectorAll('text')]
    .filter(t => t.checkVisibility() && getComputedStyle(t).display !== 'none')
    .map(t => [t.getBoundingClientRect(), t.textContent]);
  list.forEach(([a, x], i) => list.slice(i + 1).forEach(([b, y]) => {
    if (a.width && b.width && a.left < b.right + 2 && b.left < a.right + 2 && a.top < b.bottom - 3 &&
      b.top < a.bottom - 3) out.Overlaps.push(x + ' / ' + y);
  }));
}
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
out.Duplicates = ids.filter((x, i) => ids.indexOf(x) !== i);
out.Unnamed = [...document.querySelectorAll('svg:not([aria-hidden])')]
  .filter(s => !s.parentElement.closest('svg') && !s.querySelector('title')).length;
out.Cut = [...document.querySelectorAll('td,th,p,dd,dt,li,h1,h2,h3,pre')].filter(e => e.checkVisibility() &&
  !e.closest('.acc thead,.vh') && !e.querySelector('svg') && /[\p{L}\p{N}]/u.test(e.textContent) &&
  e.clientWidth && e.scrollWidth > e.clientWidth + 1)
  .map(e => e.textContent.trim().slice(0, 40));
return out })()`

// pages are those that are looked at in a browser.
func pages() map[string]Input {
	live := states["live"].input()
	data := withData(traces(2000, 89*24*time.Hour, true))
	live.Document.Receivers[0].Data = data.Document.Receivers[0].Data
	list := traces(800, 30*24*time.Hour, true)
	for i := range list {
		text := hostile[i%len(hostile)]
		list[i].ID, list[i].Spans[0].Name, list[i].Spans[1].Type = text, text, text
		list[i].Refined.Models[0].Name, list[i].Refined.Scores[0].Name = text, text
	}
	odd := withData(list)
	odd.Document.Receivers[0].Experiments[0].Name = hostile[9]
	return map[string]Input{
		"incomplete": states["incomplete"].input(), "live": live, "data": data, "hostile": odd,
		"one-trace": withData(traces(1, 0, true)),
	}
}

// Every page is readable in a browser: at 1280 and 390 pixels, in light and dark, without anything on the console,
// without a request, and without scripts.
func TestInABrowser(t *testing.T) {
	b := newBrowser(t)
	dir := t.TempDir()
	all := []look{{1280, false, true}, {390, true, true}, {390, false, true}, {1280, true, true}}
	for name, in := range pages() {
		file := filepath.Join(dir, name+".html")
		require.NoError(t, os.WriteFile(file, []byte(render(t, in)), 0o600))
		looks := all
		if name != "data" {
			looks = all[:2]
		}
		for _, l := range looks {
			session := b.open(file, l)
			var f findings
			b.evaluate(session, measure, &f)
			assert.Empty(t, b.complaints(), "%s %+v", name, l)
			assert.LessOrEqual(t, f.Scroll, f.Width, "%s %+v", name, l)
			for what, list := range map[string][]string{"overlaps": f.Overlaps, "contrast": f.Contrast,
				"outside of the window": f.Outside, "cut": f.Cut, "ids that are not unique": f.Duplicates} {
				assert.Empty(t, list, "%s %+v: %s", name, l, what)
			}
			assert.Zero(t, f.Unnamed, "%s: drawings without a name", name)
			t.Logf("%s %+v: lowest contrast %.2f", name, l, f.Lowest)
		}
	}
	t.Run("other widths", func(t *testing.T) { otherWidths(t, b, filepath.Join(dir, "data.html")) })
	t.Run("without scripts and on paper", func(t *testing.T) { withoutScripts(t, b, filepath.Join(dir, "data.html")) })
}

// otherWidths looks for horizontal scrolling where the layout changes.
func otherWidths(t *testing.T, b *browser, file string) {
	t.Helper()
	session := b.open(file, look{1280, false, true})
	for _, width := range []int{320, 600, 601, 940, 941, 1600} {
		b.call(session, "Emulation.setDeviceMetricsOverride",
			map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
		var scroll int
		b.evaluate(session, "document.documentElement.scrollWidth", &scroll)
		assert.LessOrEqual(t, scroll, width)
	}
}

// withoutScripts shows that the page is the same to the last pixel, and that it prints on few pages.
func withoutScripts(t *testing.T, b *browser, file string) {
	t.Helper()
	with := b.shot(b.open(file, look{1280, false, true}), 1280, 3000)
	session := b.open(file, look{1280, false, false})
	require.True(t, bytes.Equal(with, b.shot(session, 1280, 3000)))
	var paper struct {
		Data []byte `json:"data"`
	}
	require.NoError(t, json.Unmarshal(b.call(session, "Page.printToPDF",
		map[string]any{"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": true}), &paper))
	n := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(paper.Data, -1))
	t.Logf("%d pages of A4", n)
	require.Positive(t, n)
	require.LessOrEqual(t, n, 12)
}

var (
	pictures = flag.String("pictures", "", "folder into which pictures of -page are written")
	of       = flag.String("page", "", "page of which pictures are taken")
)

// TestPictures takes the pictures of the documentation; see scripts/pictures.sh.
func TestPictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("-pictures names no folder")
	}
	b := newBrowser(t)
	for name, l := range map[string]look{"report-light": {1280, false, true}, "report-dark": {1280, true, true},
		"report-phone": {390, false, true}} {
		session := b.open(*of, l)
		end := "#w" // of the proof: where the words are explained
		if l.dark { // what is in the data, as far as the durations
			var ok bool
			b.evaluate(session, "document.querySelectorAll('header,main>:not(.part,#traffic,#duration)')"+
				".forEach(e => e.remove()) || (document.querySelector('.part').style.marginTop = 0, true)", &ok)
			end = "footer"
		}
		var height int
		b.evaluate(session, "Math.round(document.querySelector('"+end+"').getBoundingClientRect().top + scrollY - 32)",
			&height)
		require.NoError(t, os.WriteFile(filepath.Join(*pictures, name+".png"), b.shot(session, l.width, height), 0o600))
	}
}
