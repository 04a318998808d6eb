// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/svgchart"
)

// card shows how a run that goes on fares.
type card struct {
	LeftLabel      string // what Left is
	Left, LeftNote string
	Rate           string
	Curve          template.HTML
	UpTo, UpToNote string
	Waits          string
	WaitsNote      string
}

// recent is the time over which the rate is taken that tells the time left.
const recent = 2 * time.Minute

func cardOf(in *Input, list []*report.Receiver, total *row) *card {
	c := &card{LeftLabel: "time left", Left: "not known yet", Rate: "–", Waits: "none",
		WaitsNote: "The destination takes what is sent.",
		UpTo:      "–", UpToNote: "Nothing is delivered yet."}
	var rate float64
	known := false
	var last string
	var looks []time.Time // of receivers that follow a source, zero before the first
	for _, r := range list {
		if r.Ended != nil {
			continue
		}
		p := in.Progress[r.Receiver]
		if strings.Contains(r.Mode, "tail") {
			looks = append(looks, settled(r))
		}
		if v, ok := rateOf(p.Samples); ok {
			rate, known = rate+v, true
		}
		if p.Waits != "" {
			c.Waits, c.WaitsNote = "waiting", clean(p.Waits, 300)
		}
		if c.Curve == "" {
			c.Curve = curve(p.Samples)
		}
		for i := range r.Experiments {
			last = max(last, r.Experiments[i].Last)
		}
	}
	if at, err := time.Parse(time.RFC3339, last); err == nil {
		c.UpTo, c.UpToNote = date(at), "Start time of the newest trace that is delivered: "+clock(at)+"."
	}
	if looked := earliest(looks); !looked.IsZero() {
		c.LeftLabel, c.Left = "behind the source", elapsed(in.Document.Written.Sub(looked).Seconds())
		c.LeftNote = "What appeared at the source before " + clock(looked) + " is delivered or listed."
		if known {
			c.Rate = digits(rate, 3)
		}
		return c
	}
	if !known {
		c.LeftNote = "It is estimated from the second minute on."
		return c
	}
	c.Rate = digits(rate, 3)
	left := total.Missing + total.Pending
	switch {
	case left == 0:
		c.Left, c.LeftNote = "none", "Everything that is known has been read."
	case rate <= 0:
		c.LeftNote = "Nothing was delivered in the last two minutes."
	default:
		seconds := float64(left) / rate
		c.Left = elapsed(seconds)
		if seconds < 24*3600 {
			c.LeftNote = fmt.Sprintf("About %s, at the rate of the last two minutes.",
				in.Document.Written.Add(time.Duration(seconds)*time.Second).UTC().Format("15:04 UTC"))
		} else { // a time of day would not say of which day
			c.LeftNote = "At the rate of the last two minutes."
		}
	}
	return c
}

// settled is when the look began that the experiment was settled by which is furthest behind; zero where none is.
func settled(r *report.Receiver) time.Time {
	var looks []time.Time
	for i := range r.Experiments {
		if at := r.Experiments[i].Settled; at != nil {
			looks = append(looks, *at)
		}
	}
	return earliest(looks)
}

// earliest is the zero time where there is none, or one is zero.
func earliest(list []time.Time) time.Time {
	if len(list) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(list, time.Time.Compare)
}

// rateOf is the number of traces a second over the last two minutes.
func rateOf(s []Sample) (float64, bool) {
	if len(s) < 2 {
		return 0, false
	}
	end := s[len(s)-1]
	begin := s[0]
	for _, x := range s {
		if end.At.Sub(x.At) >= recent {
			begin = x
		}
	}
	seconds := end.At.Sub(begin.At).Seconds()
	if seconds <= 0 {
		return 0, false
	}
	return float64(end.Delivered-begin.Delivered) / seconds, true
}

// curve draws the rate between the samples.
func curve(s []Sample) template.HTML {
	const height = 40
	if len(s) < 3 {
		return ""
	}
	rates := make([]float64, 0, len(s)-1)
	top := 0.0
	for i := 1; i < len(s); i++ {
		v := math.NaN()
		if d := s[i].At.Sub(s[i-1].At).Seconds(); d > 0 {
			v = float64(s[i].Delivered-s[i-1].Delivered) / d
			top = max(top, v)
		}
		rates = append(rates, v)
	}
	path, _ := svgchart.Line(rates, svgchart.Scale{Hi: max(top, 1e-9), Size: height, Up: true})
	drawn := fmt.Sprintf(`<svg class="plot" height="%d" width="100%%" aria-hidden="true" viewBox="0 0 %d %d" `+
		`preserveAspectRatio="none"><path class="ln l50" d="%s"/></svg>`, height, len(rates), height, path)
	return template.HTML(drawn) //nolint:gosec // numbers of ours
}
