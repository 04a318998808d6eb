// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// The simulation plays histories of a source and of runs over it: traces that end or appear late,
// by a minute to months, are visible while they run, can't be read for a while, grow, move their
// start and are deleted; runs at random times that may be killed at each delivery and in each
// Batch, of which then nothing, a part or everything is applied. A hard history has more of that,
// pages that are cut or empty, records that rot, and sources that are restored from a backup and
// then get other traces on the same days; with twins, these have the very same durations. Time goes
// on with each request.
//
// In the end everything has ended and can be read. A trace is missing if it, or its last shape, was
// never delivered. That is silent if the comparison says that everything is complete and names no
// scope.
var (
	seeds     = flag.Uint64("seeds", 20, "histories of each kind of source, ordinary and hard ones each")
	firstSeed = flag.Uint64("first", 1, "the first seed")
)

const (
	minute     = 60_000
	pageSize   = 10
	inFlight   = 3 // pages accepted and not yet recorded
	recheckFor = 7
	passes     = 3
)

// kind is what a source can do.
type kind struct {
	name    string
	method  Method
	counts  bool // by day; else by probing
	endTime bool // it can be asked for what ended since
	fixed   bool // starts don't move
	rotate  int
}

var kinds = []kind{
	{name: "stores and servers from 3.9", method: ByDurations, counts: true, endTime: true},
	{name: "the same without what ended since", method: ByDurations, counts: true},
	{name: "servers 3.6 to 3.8", method: ByNumber, endTime: true, rotate: 10},
	{name: "servers before 3.6", method: ByNumber, fixed: true, rotate: 10},
	{name: "numbers by day", method: ByNumber, counts: true, endTime: true},
	{name: "sources that don't count", method: NotCompared, rotate: 10},
}

// life is the whole life of one trace; times are in milliseconds.
type life struct {
	id             string
	start, dur     int64 // at first
	appear, finish int64 // first visible to the source; final state
	readable       int64 // its spans can't be read before
	moveAt, moveBy int64 // at moveAt its start goes back by moveBy
	growAt, growBy int64 // at growAt it ends later by growBy
	gone           int64 // deleted at; 0: never
}

// at returns what the source shows.
func (l *life) at(now int64) (mlflow.Info, bool) {
	if now < l.appear || l.gone != 0 && now >= l.gone {
		return mlflow.Info{}, false
	}
	i := mlflow.Info{ID: l.id, Timestamp: l.start, Duration: l.dur, State: mlflow.StateOK}
	if l.moveBy != 0 && now >= l.moveAt {
		i.Timestamp, i.Duration = i.Timestamp-l.moveBy, i.Duration+l.moveBy
	}
	if l.growBy != 0 && now >= l.growAt {
		i.Duration += l.growBy
	}
	if now < l.finish {
		i.State, i.Duration = mlflow.StateInProgress, 0
	}
	return i, true
}

func known(i *mlflow.Info) delivered.Trace { return delivered.NewTrace(i, delivered.UnknownSpans) }

// source answers requests; time goes on with each.
type source struct {
	r        *rand.Rand
	lives    []*life
	byID     map[string]*life
	now      int64
	requests int
	faulty   bool // answers are cut short
}

func (s *source) tick() { s.requests++; s.now += s.r.Int64N(20_000) }

// infos returns a page after a position, in ascending order.
func (s *source) infos(from, to int64, after mlflow.Position, keep func(*mlflow.Info) bool) []mlflow.Info {
	s.tick()
	var out []mlflow.Info
	for _, l := range s.lives {
		i, ok := l.at(s.now)
		if ok && i.Timestamp >= from && i.Timestamp < to && (keep == nil || keep(&i)) &&
			after.Less(mlflow.Position{Timestamp: i.Timestamp, ID: i.ID}) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b mlflow.Info) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), strings.Compare(a.ID, b.ID))
	})
	out = out[:min(len(out), pageSize)]
	if s.faulty && s.r.IntN(12) == 0 {
		out = out[:s.r.IntN(len(out)+1)]
	}
	return out
}

func (s *source) lookup(ids []string) (found []mlflow.Info) {
	s.tick()
	for _, id := range ids {
		if i, ok := s.byID[id].at(s.now); ok {
			found = append(found, i)
		}
	}
	return found
}

func (s *source) daily(from, to int64, durations bool) *SourceCounts {
	s.tick()
	c := &SourceCounts{Days: map[mlflow.Day]mlflow.DayCounts{}, Durations: durations}
	for _, l := range s.lives {
		if i, ok := l.at(s.now); ok && i.Timestamp >= from && i.Timestamp < to {
			d := mlflow.DayOf(i.Timestamp)
			n := c.Days[d]
			c.Days[d] = mlflow.DayCounts{Counts: mlflow.Counts{Traces: n.Traces + 1, Duration: n.Duration + i.Duration}}
		}
	}
	return c
}

func (s *source) exactly(_ context.Context, r TimeRange, n int64) (bool, error) {
	s.tick()
	s.tick()
	for _, l := range s.lives {
		if i, ok := l.at(s.now); ok && i.Timestamp >= r.From && i.Timestamp < r.To {
			n--
		}
	}
	return n == 0, nil
}

// disk is a storage client. A process may die in a Batch, of which then a prefix is applied.
type disk struct {
	m   map[string][]byte
	r   *rand.Rand
	die float64
}

var errKilled = errors.New("killed")

func (c *disk) Get(_ context.Context, k string) ([]byte, error) { return c.m[k], nil }

func (c *disk) Set(_ context.Context, k string, v []byte) error {
	c.m[k] = slices.Clone(v)
	return nil
}

func (c *disk) Delete(_ context.Context, k string) error {
	delete(c.m, k)
	return nil
}

func (c *disk) Close(context.Context) error { return nil }

func (c *disk) Batch(_ context.Context, ops ...*storage.Operation) error {
	n := len(ops)
	writes := slices.ContainsFunc(ops, func(o *storage.Operation) bool { return o.Type != storage.Get })
	killed := writes && c.r.Float64() < c.die
	if killed {
		n = c.r.IntN(len(ops) + 1)
	}
	for _, o := range ops[:n] {
		switch o.Type {
		case storage.Get:
			o.Value = c.m[o.Key]
		case storage.Set:
			c.m[o.Key] = slices.Clone(o.Value)
		case storage.Delete:
			delete(c.m, o.Key)
		}
	}
	if killed {
		return errKilled
	}
	return nil
}

// record is the position of the experiment. Open traces are in a record of their own.
type record struct {
	Open    bool
	Anchors Anchors
	Last    int64 // when the last whole run began
}

// engine is a small backfill engine for one experiment.
type engine struct {
	kind
	src    *source
	disk   *disk
	got    map[string]int    // the destination: how often a trace came
	shape  map[string]uint16 // and its last shape
	set    *delivered.Set
	record record
	open   []string
	lost   bool // the open traces
	staged int
}

const openKey, recordKey = "open/s/1/0", "position/s/1"

// load is a start of the process.
func (x *engine) load(ctx context.Context) error {
	var err error
	if x.set, err = delivered.Open(ctx, x.disk, "s/1", x.src.now); err != nil {
		return err
	}
	x.record, x.open, x.lost, x.staged = record{}, nil, false, 0
	if b := x.disk.m[recordKey]; b != nil {
		if err := json.Unmarshal(b, &x.record); err != nil {
			return err
		}
	}
	if x.record.Open {
		x.lost = json.Unmarshal(x.disk.m[openKey], &x.open) != nil ||
			slices.ContainsFunc(x.open, func(id string) bool { return x.src.byID[id] == nil })
		if x.lost {
			x.open = nil
		}
	}
	return nil
}

// flush writes everything in one Batch.
func (x *engine) flush(ctx context.Context) error {
	x.staged = 0
	c := x.set.Changes()
	x.record.Open = x.record.Open || len(x.open) > 0
	if x.record.Open {
		b, err := json.Marshal(x.open)
		if err != nil {
			return err
		}
		c.Open = append(c.Open, storage.SetOperation(openKey, b))
	}
	b, err := json.Marshal(x.record)
	if err != nil {
		return err
	}
	c.Position = append(c.Position, storage.SetOperation(recordKey, b))
	if err := x.disk.Batch(ctx, c.Operations()...); err != nil {
		return err
	}
	x.set.Applied()
	return nil
}

// unit delivers what of a page is due and moves the listing, if there is one.
func (x *engine) unit(ctx context.Context, infos []mlflow.Info, listing *delivered.Listing) error {
	traces := make([]delivered.Trace, len(infos))
	for i := range infos {
		traces[i] = known(&infos[i])
	}
	states, err := x.set.Has(ctx, traces)
	if err != nil {
		return err
	}
	var accepted []delivered.Trace
	for i := range infos {
		info := &infos[i]
		at := slices.Index(x.open, info.ID)
		switch {
		case states[i] == delivered.Delivered:
			if at >= 0 {
				x.open = slices.Delete(x.open, at, at+1)
			}
		case info.State == mlflow.StateInProgress || x.src.now < x.src.byID[info.ID].readable:
			if at < 0 {
				x.open = append(x.open, info.ID)
			}
		default:
			if x.src.r.Float64() < x.disk.die/4 {
				return errKilled
			}
			x.got[info.ID]++
			x.shape[info.ID] = traces[i].Shape
			x.record.Anchors = x.record.Anchors.Add(info.ID)
			if at >= 0 {
				x.open = slices.Delete(x.open, at, at+1)
			}
			accepted = append(accepted, traces[i])
		}
	}
	if err := x.set.Add(ctx, accepted); err != nil {
		return err
	}
	if listing != nil {
		last := infos[len(infos)-1]
		upto := mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
		if err := listing.Page(ctx, traces, upto, x.src.now); err != nil {
			return err
		}
	}
	if x.staged++; x.staged >= inFlight {
		return x.flush(ctx)
	}
	return nil
}

// list lists a range. It returns the part that was listed now: a resumed listing does not see what
// appeared meanwhile before the place where it stood.
func (x *engine) list(ctx context.Context, r TimeRange) (TimeRange, error) {
	listing, after, err := x.set.List(ctx, r.From, r.To)
	if err != nil {
		return r, err
	}
	now := TimeRange{max(r.From, after.Timestamp), r.To}
	for {
		page := x.src.infos(r.From, r.To, after, nil)
		if len(page) == 0 {
			return now, listing.End(ctx, x.src.now)
		}
		if err := x.unit(ctx, page, listing); err != nil {
			return now, err
		}
		last := page[len(page)-1]
		after = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
	}
}

// run is one run; its result is what it proves.
func (x *engine) run(ctx context.Context) (*Comparison, error) {
	if err := x.load(ctx); err != nil {
		return nil, err
	}
	begin := x.src.now
	restored := false
	if len(x.record.Anchors) > 0 {
		var ids []string
		for _, i := range x.src.lookup(x.record.Anchors) {
			ids = append(ids, i.ID)
		}
		x.record.Anchors, restored = x.record.Anchors.Check(ids)
	}
	if x.lost || restored {
		x.set.Reopen(x.src.now)
		if err := x.disk.Batch(ctx, x.set.Changes().Operations()...); err != nil {
			return nil, err
		}
		x.set.Applied()
	}
	for ids := range slices.Chunk(slices.Clone(x.open), pageSize) {
		found := x.src.lookup(ids)
		x.open = slices.DeleteFunc(x.open, func(id string) bool { // it is gone
			there := slices.ContainsFunc(found, func(i mlflow.Info) bool { return i.ID == id })
			return slices.Contains(ids, id) && !there
		})
		if err := x.unit(ctx, found, nil); err != nil {
			return nil, err
		}
	}
	if x.endTime && x.record.Last > 0 {
		ended := func(i *mlflow.Info) bool { return i.Timestamp+i.Duration >= x.record.Last-10*minute }
		after := mlflow.Position{Timestamp: math.MinInt64}
		for {
			page := x.src.infos(0, math.MaxInt64, after, ended)
			if len(page) == 0 {
				break
			}
			if err := x.unit(ctx, page, nil); err != nil {
				return nil, err
			}
			after = mlflow.Position{Timestamp: page[len(page)-1].Timestamp, ID: page[len(page)-1].ID}
		}
	}
	in := Input{To: x.src.now, Recheck: recheckFor, Rotate: x.rotate}
	var listed []TimeRange
	for ; in.Pass < passes; in.Pass++ {
		if err := x.state(ctx, &in); err != nil {
			return nil, err
		}
		plan := NewPlan(in)
		for _, r := range plan.Ranges {
			now, err := x.list(ctx, r)
			if err != nil {
				return nil, err
			}
			listed = append(listed, now)
		}
		if len(plan.Ranges) == 0 {
			break
		}
	}
	if err := x.state(ctx, &in); err != nil {
		return nil, err
	}
	c := Compare(in, listed, x.method)
	x.record.Last = begin
	return &c, x.flush(ctx)
}

// state asks the set and the source.
func (x *engine) state(ctx context.Context, in *Input) (err error) {
	if in.Days, err = x.set.Days(ctx); err != nil {
		return err
	}
	in.Listed = x.set.Listed()
	switch {
	case x.counts:
		in.Source = x.src.daily(in.From, in.To, x.method == ByDurations)
	case x.method == ByNumber:
		in.Differ, err = Disagreements(ctx, *in, x.src.exactly)
	}
	return err
}

// outcome is what a history came to.
type outcome struct {
	missing, silent, said, scoped, falseAlarms, kills, repeats, requests int
	twins                                                                bool
	overBound                                                            string
}

// newSource makes the lives of a source.
func newSource(r *rand.Rand, k kind, seed uint64, hard bool, base, span int64) (s *source, twins bool) {
	late := func() int64 { return int64(minute * math.Pow(10, r.Float64()*5.1)) } // a minute to 87 days
	rare := func(often, seldom float64) bool {
		p := seldom
		if hard {
			p = often
		}
		return r.Float64() < p
	}
	s = &source{r: rand.New(rand.NewPCG(seed, 5)), now: base, faulty: hard && seed%4 == 0, byID: map[string]*life{}}
	for range 40 + r.IntN(160) {
		l := &life{
			id: "tr-" + strconv.FormatUint(r.Uint64(), 16), start: base + r.Int64N(span), dur: 1000 + r.Int64N(100_000),
		}
		l.finish = l.start + l.dur
		l.appear = l.finish
		if rare(.15, .02) { // ends late, or is exported late
			l.appear += late()
			l.finish = l.appear
			if r.IntN(2) == 0 {
				l.dur = l.finish - l.start
			}
		}
		if rare(.1, .02) { // visible while it runs
			l.appear = l.start + 1 + r.Int64N(l.finish-l.start)
		}
		if rare(.1, .02) {
			l.readable = l.finish + late()
		}
		if rare(.05, .01) && !k.fixed {
			l.moveAt, l.moveBy = l.finish+late()-minute, 1+r.Int64N(36*60*minute)
		}
		if rare(.05, .01) && !k.fixed {
			l.growAt = l.finish + late()
			l.growBy = l.growAt - l.start - l.dur
		}
		if rare(.15, .02) {
			l.gone = l.finish + late()
		}
		s.lives = append(s.lives, l)
	}
	if hard && seed%5 == 0 { // what came after the backup is gone, others come on the same days
		twins = seed%10 == 5
		at := base + span/2 + r.Int64N(span/2)
		from := at - r.Int64N(10*mlflow.MillisPerDay)
		for _, l := range s.lives {
			if l.appear <= from || l.appear >= at || l.gone != 0 && l.gone <= at {
				continue
			}
			l.gone = at
			day := mlflow.DayOf(l.start).Start()
			n := &life{
				id: l.id + "b", start: day + r.Int64N(mlflow.MillisPerDay), dur: l.dur,
				appear: at + r.Int64N(mlflow.MillisPerDay),
			}
			if n.finish = max(n.appear, l.finish); !twins {
				n.dur = 1000 + r.Int64N(100_000)
			}
			s.lives = append(s.lives, n)
		}
	}
	for _, l := range s.lives {
		s.byID[l.id] = l
	}
	return s, twins
}

// history plays one life of a source and of runs over it.
func history(ctx context.Context, k kind, seed uint64, hard bool) (outcome, error) {
	var o outcome
	r := rand.New(rand.NewPCG(seed, 77))
	base, span := int64(20_000)*mlflow.MillisPerDay, int64(20+r.IntN(100))*mlflow.MillisPerDay
	src, twins := newSource(r, k, seed, hard, base, span)
	o.twins = twins
	d := &disk{m: map[string][]byte{}, r: rand.New(rand.NewPCG(seed, 9)), die: []float64{0, .03, .15}[seed%3]}
	x := &engine{kind: k, src: src, disk: d, got: map[string]int{}, shape: map[string]uint16{}}
	bound := 0
	for at, n := base, 3+r.IntN(10); n > 0; n-- {
		at += 1 + r.Int64N(span/4)
		src.now = max(src.now, at)
		if hard && seed%7 == 0 && len(d.m) > 1 && r.IntN(3) == 0 {
			bound += rot(r, d)
		}
		if _, err := x.run(ctx); errors.Is(err, errKilled) {
			o.kills++
		} else if err != nil {
			return o, err
		}
	}
	src.now, src.faulty, d.die = base+span*3+400*mlflow.MillisPerDay, false, 0 // everything has ended
	last, err := x.run(ctx)
	if err != nil {
		return o, err
	}
	o.requests = -src.requests
	quiet, err := x.run(ctx)
	if err != nil {
		return o, err
	}
	o.requests += src.requests
	bound += o.kills * (inFlight + 1) * pageSize
	for _, l := range src.lives {
		if i, ok := l.at(src.now); ok && (x.got[l.id] == 0 || x.shape[l.id] != known(&i).Shape) {
			o.missing++
		}
		o.repeats += max(0, x.got[l.id]-1)
		if l.moveBy > 0 {
			bound++
		}
		if l.growBy > 0 {
			bound++
		}
	}
	complete := last.Complete() && quiet.Complete()
	switch {
	case o.missing > 0 && !complete:
		o.said++
	case o.missing > 0 && last.Scope() != "":
		o.scoped++
	case o.missing > 0:
		o.silent++
	case !complete:
		o.falseAlarms++
	}
	if o.repeats > bound {
		o.overBound = fmt.Sprintf("%d repeats, %d allowed", o.repeats, bound)
	}
	return o, nil
}

// rot changes a bit of a record; the position aside. It returns how many traces may be repeated.
func rot(r *rand.Rand, d *disk) int {
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(d.m)), func(k string) bool { return k == recordKey })
	if len(keys) == 0 {
		return 0
	}
	k := keys[r.IntN(len(keys))]
	repeats := 0
	if strings.HasPrefix(k, "ids/") {
		repeats = len(d.m[k]) / 10
	}
	if k == openKey { // its checksum is not part of this simulation
		d.m[k] = []byte("rotten")
		return 0
	}
	d.m[k][r.IntN(len(d.m[k]))] ^= 1 << r.IntN(8)
	return repeats
}

func TestSimulation(t *testing.T) {
	for _, k := range kinds {
		for _, hard := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/hard=%v", k.name, hard), func(t *testing.T) {
				t.Parallel()
				var mu sync.Mutex
				var sum outcome
				var silent, twins, restored int
				var next atomic.Uint64
				next.Store(*firstSeed)
				var wg sync.WaitGroup
				for range max(1, runtime.GOMAXPROCS(0)/2) {
					wg.Go(func() {
						for seed := next.Add(1) - 1; seed < *firstSeed+*seeds; seed = next.Add(1) - 1 {
							o, err := history(t.Context(), k, seed, hard)
							mu.Lock()
							if assert.NoError(t, err, "seed %d", seed); o.silent > 0 && o.twins {
								twins++
							} else if o.silent > 0 {
								silent++
								t.Errorf("seed %d: %d traces are missing, and nothing says so", seed, o.missing)
							}
							if o.twins {
								restored++
							}
							assert.Empty(t, o.overBound, "seed %d", seed)
							sum.missing += o.missing
							sum.said += o.said
							sum.scoped += o.scoped
							sum.falseAlarms += o.falseAlarms
							sum.kills += o.kills
							sum.repeats += o.repeats
							sum.requests += o.requests
							mu.Unlock()
						}
					})
				}
				wg.Wait()
				assert.Zero(t, sum.falseAlarms)
				t.Logf("%d histories: silent %d (twins: %d of %d); %d traces missing in histories of which %d say so "+
					"and %d name their scope; kills %d, repeats %d, requests of a quiet run %.1f",
					*seeds, silent, twins,
					restored, sum.missing, sum.said, sum.scoped, sum.kills, sum.repeats,
					float64(sum.requests)/float64(*seeds))
				require.Equal(t, 0, silent)
			})
		}
	}
}
