// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// InfosPage is one page of a search answer.
type InfosPage struct {
	Infos     []Info
	NextToken string
}

// DecodeSearch decodes the answers of POST /api/3.0/mlflow/traces/search and GET /api/2.0/mlflow/traces
// (`traces`), and of batchGetInfos (`trace_infos`).
func DecodeSearch(body []byte) (InfosPage, error) { return ReadSearch(pyjson.NewStreamOf(body)) }

// ReadSearch is DecodeSearch for an answer that is decoded as it comes.
func ReadSearch(s *pyjson.Stream) (InfosPage, error) {
	var page InfosPage
	s.Open(pyjson.KindObject)
	for s.NextMember() {
		switch string(s.Key()) {
		case "traces", "trace_infos":
			if s.Kind() != pyjson.KindArray {
				s.Skip()
				continue
			}
			s.Open(pyjson.KindArray)
			for s.NextElement() {
				info, err := listed(s.Own()) // a trace must not hold the memory of the whole page
				s.Fail(err)
				page.Infos = append(page.Infos, info)
				s.Spend(sizeOfInfo)
			}
		case "next_page_token":
			d := newCopyingDecoder(s.Value())
			page.NextToken = d.text()
		default:
			s.Skip()
		}
	}
	s.End()
	if err := s.Err(); err != nil {
		return InfosPage{}, fmt.Errorf("the answer to a search of traces can't be read: %w", err)
	}
	return page, nil
}

// listed reads an element of a list of infos. One that can't be read costs no other: it says so, and
// has an id of its own where it has none. An error is one of syntax.
func listed(doc []byte) (Info, error) {
	i := Info{Unreadable: "it is no object"}
	d := newDecoder(doc)
	if d.Kind() == pyjson.KindObject {
		i = d.info()
	} else {
		d.Skip()
	}
	d.End()
	if err := d.Err(); err != nil {
		return Info{}, err
	}
	if i.ID == "" {
		sum := sha256.Sum256(doc)
		i.ID = "unreadable-" + hex.EncodeToString(sum[:8])
	}
	return i, nil
}

// ErrNoInfo is the error for an answer to a request for one trace that is well formed and holds
// none: {"trace": null}.
var ErrNoInfo = errors.New("the answer to a request for one trace holds no trace_info")

// DecodeInfo decodes {"trace": {"trace_info": {…}}} of GET /api/3.0/mlflow/traces/{id} and
// {"trace_info": {…}} of GET /api/2.0/mlflow/traces/{id}/info.
func DecodeInfo(body []byte) (Info, error) {
	var info Info
	found := false
	d := newDecoder(body)
	d.Open(pyjson.KindObject)
	read := func() {
		if d.Kind() == pyjson.KindObject {
			info, found = d.info(), true
		} else {
			d.Skip()
		}
	}
	for d.NextMember() {
		switch string(d.Key()) {
		case "trace_info":
			read()
		case "trace":
			if !d.open(pyjson.KindObject) {
				continue
			}
			for d.NextMember() {
				if string(d.Key()) == "trace_info" {
					read()
				} else {
					d.Skip()
				}
			}
		default:
			d.Skip()
		}
	}
	d.End()
	if err := d.Err(); err != nil {
		return Info{}, fmt.Errorf("the answer to a request for one trace can't be read: %w", err)
	}
	if !found {
		return Info{}, ErrNoInfo
	}
	return info, nil
}

// info reads an info of V2 or V3. The two differ in the names of members, and no name means two
// things.
func (d *decoder) info() Info {
	i := Info{Untimed: true}
	var place string
	timed := false
	d.Open(pyjson.KindObject)
	for d.NextMember() {
		switch string(d.Key()) {
		case "trace_id", "request_id":
			i.ID = d.text()
		case "client_request_id":
			i.ClientRequestID = d.text()
		case "experiment_id":
			i.ExperimentID = d.text()
		case "trace_location":
			i.ExperimentID, place = d.location()
		case "timestamp_ms":
			i.Timestamp, timed = d.wholeNumber()
		case "request_time":
			i.Timestamp, timed = d.instant()
		case "execution_time_ms":
			i.Untimed = d.Kind() == pyjson.KindNull
			i.Duration = d.integer()
		case "execution_duration":
			i.Untimed = d.Kind() == pyjson.KindNull
			i.Duration = milliseconds(d.text())
		case "status", "state":
			i.State = state(d.text())
		case "request_preview":
			i.RequestPreview = d.text()
		case "response_preview":
			i.ResponsePreview = d.text()
		case "request_metadata", "trace_metadata":
			i.Metadata = d.keyValues()
		case "tags":
			i.Tags = d.keyValues()
		case "assessments":
			i.Assessments = d.assessments()
		default:
			d.Skip()
		}
	}
	switch {
	case i.ID == "":
		i.Unreadable = "it has no id"
	case !timed:
		i.Unreadable = "its time is missing or is no time"
	}
	i.NoteMetadata()
	if bare := i.ID; place != "" && bare != "" && !strings.HasPrefix(bare, placePrefix) {
		i.ID = PlaceID(place, bare)
		for k := range i.Assessments {
			if i.Assessments[k].TraceID == bare {
				i.Assessments[k].TraceID = i.ID
			}
		}
	}
	return i
}

// NoteMetadata sets what the metadata says of the trace as a whole: Spans, Final.
func (i *Info) NoteMetadata() {
	stats, _ := Get(i.Metadata, MetaSizeStats)
	_, final := Get(i.Metadata, MetaInfoFinalized)
	i.Spans, i.Final = spansOf(stats), final
}

// spansOf returns the number of spans that the metadata entry MetaSizeStats tells, else 0. MLflow
// writes a JSON object of numbers: {"total_size_bytes": 4875, "num_spans": 3, …}.
func spansOf(stats string) int64 {
	_, rest, _ := strings.Cut(stats, `"num_spans":`)
	rest = strings.TrimLeft(rest, " ")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return 0 // cut off: values of metadata are bounded
	}
	n, err := strconv.ParseInt(rest[:end], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// location reads {"mlflow_experiment": {"experiment_id": "7"}} or a place in Unity Catalog:
// {"uc_table_prefix": {"catalog_name": …, "schema_name": …, "table_prefix": …}}, in the older
// layout {"uc_schema": {…}} without a prefix.
func (d *decoder) location() (experimentID, place string) {
	if !d.open(pyjson.KindObject) {
		return "", ""
	}
	for d.NextMember() {
		switch string(d.Key()) {
		case "mlflow_experiment", "uc_table_prefix", "uc_schema":
		default:
			d.Skip()
			continue
		}
		if !d.open(pyjson.KindObject) {
			continue
		}
		var catalog, schema, prefix string
		for d.NextMember() {
			switch string(d.Key()) {
			case "experiment_id":
				experimentID = d.text()
			case "catalog_name":
				catalog = d.text()
			case "schema_name":
				schema = d.text()
			case "table_prefix":
				prefix = d.text()
			default:
				d.Skip()
			}
		}
		if catalog != "" && schema != "" {
			place = catalog + "." + schema
			if prefix != "" {
				place += "." + prefix
			}
		}
	}
	return experimentID, place
}

func state(text string) State {
	switch s := State(text); s {
	case StateOK, StateError, StateInProgress:
		return s
	}
	return StateUnspecified
}

// timestamp reads an RFC 3339 time with any number of fraction digits and returns it in Unix
// milliseconds, rounded down; anything else is 0.
func (d *decoder) timestamp() int64 {
	ms, _ := d.instant()
	return ms
}

// instant is timestamp, and reports whether the value is a time.
func (d *decoder) instant() (ms int64, ok bool) {
	t, err := time.Parse(time.RFC3339Nano, d.text())
	if err != nil {
		return 0, false
	}
	return t.UnixMilli(), true
}

// milliseconds returns the value of a protobuf duration ("-1.5s") in milliseconds, rounded towards
// zero.
func milliseconds(duration string) int64 {
	text, ok := strings.CutSuffix(duration, "s")
	text, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseUint(whole, 10, 50)
	if err != nil || !ok {
		return 0
	}
	millis, err := strconv.ParseUint((fraction + "000")[:3], 10, 64)
	if err != nil {
		return 0
	}
	total := int64(seconds*1000 + millis)
	if negative {
		return -total
	}
	return total
}

// keyValues reads a map, as an object (V3) or as a list of {"key": …, "value": …} (V2), and returns
// it sorted by key, of equal keys the last.
func (d *decoder) keyValues() []KeyValue {
	var list []KeyValue
	switch d.Kind() {
	case pyjson.KindObject:
		d.Open(pyjson.KindObject)
		for d.NextMember() {
			list = append(list, KeyValue{Key: d.KeyString(), Value: d.text()})
			d.Spend(sizeOfKeyValue)
		}
	case pyjson.KindArray:
		d.Open(pyjson.KindArray)
		for d.NextElement() {
			if !d.open(pyjson.KindObject) {
				continue
			}
			var kv KeyValue
			for d.NextMember() {
				switch string(d.Key()) {
				case "key":
					kv.Key = d.text()
				case "value":
					kv.Value = d.text()
				default:
					d.Skip()
				}
			}
			list = append(list, kv)
			d.Spend(sizeOfKeyValue)
		}
	default:
		d.Skip()
	}
	return sortKeyValues(list)
}

// sortKeyValues sorts list by key in place and keeps of equal keys the last.
func sortKeyValues(list []KeyValue) []KeyValue {
	slices.SortStableFunc(list, func(a, b KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	kept := list[:0]
	for _, kv := range list {
		if n := len(kept); n > 0 && kept[n-1].Key == kv.Key {
			kept[n-1] = kv
		} else {
			kept = append(kept, kv)
		}
	}
	return kept
}
