// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// ErrNewerFormat is the error for a record that a newer version of the program wrote.
var ErrNewerFormat = errors.New("the stored record was written by a newer version of otelcol-mlflow")

// ErrDamaged is the error for a stored record that can't be read, here and of a position.
var ErrDamaged = errors.New("the stored record is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Every record begins with a format, whose last byte is its version, and the CRC-32C of everything
// else. A later version keeps that, so that a damaged byte does not look like a newer version.
const (
	formatIndex   = "MDI1"
	formatMonth   = "MDM1"
	formatChunk   = "MDC1"
	formatDigests = "MDL1"

	headerSize = 8
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// header returns the beginning of a record that is not sealed yet.
func header(format string) []byte { return append([]byte(format), 0, 0, 0, 0) }

// seal puts the checksum into a record that begins with a header.
func seal(b []byte) []byte {
	le.PutUint32(b[4:], checksum(b))
	return b
}

func checksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:4], castagnoli), castagnoli, b[headerSize:])
}

// unseal returns what follows the header. The error is ErrDamaged or ErrNewerFormat.
func unseal(b []byte, format string) ([]byte, error) {
	switch {
	case len(b) < headerSize:
		return nil, damaged("it has %d bytes, fewer than its header", len(b))
	case checksum(b) != le.Uint32(b[4:]):
		return nil, damaged("its checksum does not match")
	case string(b[:3]) != format[:3]:
		return nil, damaged("its format is %q, not %q", b[:4], format)
	case b[3] > format[3]:
		return nil, fmt.Errorf("%w: its format is %q, this version reads %q; run the newer version, or use another "+
			"storage folder", ErrNewerFormat, b[:4], format)
	case b[3] < format[3]:
		return nil, damaged("its format is %q, not %q", b[:4], format)
	}
	return b[headerSize:], nil
}

// reader takes a record apart. After the first failure everything it returns is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// count reads a number that is not negative.
func (r *reader) count() int64 {
	n := int64(r.uvarint())
	if n < 0 {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// A chunk is "MDC1", checksum, and entries of 8 bytes of hash and 2 of shape in the order of
// delivery. Digests are "MDL1", checksum, and 8 bytes for each entry of the chunk with the same
// number; 0 is unknown.
const (
	// ChunkSize is how many entries a chunk holds at most.
	ChunkSize = 4096

	entrySize  = 10
	digestSize = 8
)

func decodeChunk(b []byte) (entries []byte, err error) {
	entries, err = unseal(b, formatChunk)
	if err != nil {
		return nil, err
	}
	if len(entries)%entrySize != 0 || len(entries)/entrySize > ChunkSize {
		return nil, damaged("a chunk of %d bytes", len(b))
	}
	return entries, nil
}

func decodeDigests(b []byte) (digests []byte, err error) {
	digests, err = unseal(b, formatDigests)
	if err != nil {
		return nil, err
	}
	if len(digests)%digestSize != 0 || len(digests)/digestSize > ChunkSize {
		return nil, damaged("digests of %d bytes", len(b))
	}
	return digests, nil
}

// span is what the record of a month says of a chunk: the minutes of the day that its entries lie
// in, and their number. first > last: no entry.
type span struct{ first, last, length uint16 }

var (
	noMinutes  = span{first: minutesPerDay}
	allMinutes = span{first: 0, last: minutesPerDay - 1}
)

const (
	minutesPerDay = 24 * 60
	spanSize      = 6
)

// The flags of a day in the record of a month.
const (
	flagClosed = 1 << iota
	flagDigests
	flagCursor  // the place where an unfinished listing stands is there
	flagPartial // the last listing saw a part of the day; its bounds are there
	allFlags    = 1<<iota - 1
)

// A month is "MDM1", checksum, and per day in ascending order: the day of the month, flags,
// delivered, traces, sum of durations, spans, known, gone, listed, epoch, the cursor and the bounds
// where the flags say so, the number of chunks, and their spans.
func encodeMonth(m Month, days []*day) []byte {
	b := header(formatMonth)
	for _, d := range days {
		var flags uint64
		if d.Closed {
			flags |= flagClosed
		}
		if d.digests {
			flags |= flagDigests
		}
		if d.Cursor != (mlflow.Position{}) {
			flags |= flagCursor
		}
		if d.partial() {
			flags |= flagPartial
		}
		start := d.Date.Start()
		b = binary.AppendUvarint(b, uint64(d.Date-m.first()+1))
		b = binary.AppendUvarint(b, flags)
		b = binary.AppendUvarint(b, uint64(d.Delivered))
		b = binary.AppendUvarint(b, uint64(d.Counts.Traces))
		b = binary.AppendVarint(b, d.Counts.Duration)
		b = binary.AppendUvarint(b, uint64(d.Counts.Untimed))
		b = binary.AppendUvarint(b, uint64(d.Spans))
		b = binary.AppendUvarint(b, uint64(d.known))
		b = binary.AppendUvarint(b, uint64(d.Gone))
		b = binary.AppendVarint(b, d.Listed)
		b = binary.AppendVarint(b, d.epoch)
		if flags&flagCursor != 0 {
			b = binary.AppendVarint(b, d.Cursor.Timestamp-start)
			b = binary.AppendUvarint(b, uint64(len(d.Cursor.ID)))
			b = append(b, d.Cursor.ID...)
		}
		if flags&flagPartial != 0 {
			b = binary.AppendUvarint(b, uint64(d.From-start))
			b = binary.AppendUvarint(b, uint64(d.To-start))
		}
		b = binary.AppendUvarint(b, uint64(len(d.chunks)))
		for _, s := range d.chunks {
			b = le.AppendUint16(b, s.first)
			b = le.AppendUint16(b, s.last)
			b = le.AppendUint16(b, s.length)
		}
	}
	return seal(b)
}

func decodeMonth(m Month, b []byte) ([]*day, error) {
	body, err := unseal(b, formatMonth)
	if err != nil {
		return nil, err
	}
	r := reader{b: body}
	var days []*day
	for len(r.b) > 0 {
		number := r.uvarint()
		if number < 1 || number > 31 {
			return nil, damaged("a month has no day %d", number)
		}
		d := newDay(m.first() + mlflow.Day(number) - 1)
		if len(days) > 0 && days[len(days)-1].Date >= d.Date || d.Date >= (m+1).first() {
			return nil, damaged("day %d of a month is out of place", number)
		}
		start := d.Date.Start()
		flags := r.uvarint()
		if flags&^allFlags != 0 {
			return nil, damaged("a day has the flags %#x", flags)
		}
		d.Closed, d.digests = flags&flagClosed != 0, flags&flagDigests != 0
		d.Delivered, d.Counts.Traces, d.Counts.Duration = r.count(), r.count(), r.varint()
		d.Counts.Untimed, d.Spans, d.known, d.Gone = r.count(), r.count(), r.count(), r.count()
		d.Listed, d.epoch = r.varint(), r.varint()
		if flags&flagCursor != 0 {
			d.Cursor.Timestamp = start + r.varint()
			d.Cursor.ID = string(r.bytes(r.uvarint()))
		}
		if flags&flagPartial != 0 {
			d.From, d.To = start+r.count(), start+r.count()
			if d.From < start || d.From > d.To || d.To > start+mlflow.MillisPerDay {
				return nil, damaged("a day was listed from %d to %d", d.From, d.To)
			}
		}
		n := r.uvarint()
		if n > uint64(len(r.b)/spanSize) {
			r.fail()
		}
		if r.bad {
			return nil, damaged("a day of a month is cut off")
		}
		d.chunks = make([]span, n)
		for i := range d.chunks {
			s := r.bytes(spanSize)
			c := span{le.Uint16(s), le.Uint16(s[2:]), le.Uint16(s[4:])}
			if c.first > minutesPerDay || c.last >= minutesPerDay || c.length > ChunkSize {
				return nil, damaged("a chunk with the minutes %d to %d and %d entries", c.first, c.last, c.length)
			}
			d.chunks[i] = c
		}
		days = append(days, d)
	}
	return days, nil
}

// The index is "MDI1", checksum, the epoch, the number of months, the months in ascending order, the
// number of ranges of days that were listed, and these in ascending order.
func encodeIndex(x index) []byte {
	b := binary.AppendVarint(header(formatIndex), x.epoch)
	b = binary.AppendUvarint(b, uint64(len(x.months)))
	for _, m := range x.months {
		b = binary.AppendVarint(b, int64(m))
	}
	b = binary.AppendUvarint(b, uint64(len(x.listed)))
	for _, r := range x.listed {
		b = binary.AppendVarint(b, int64(r.From))
		b = binary.AppendVarint(b, int64(r.To))
	}
	return seal(b)
}

func decodeIndex(b []byte) (index, error) {
	body, err := unseal(b, formatIndex)
	if err != nil {
		return index{}, err
	}
	r := reader{b: body}
	x := index{epoch: r.varint()}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		m := Month(r.varint())
		if len(x.months) > 0 && x.months[len(x.months)-1] >= m || m.first().Time().Year() != m.year() {
			return index{}, damaged("month %d is out of place", int64(m))
		}
		x.months = append(x.months, m)
	}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		days := Range{mlflow.Day(r.varint()), mlflow.Day(r.varint())}
		if days.From >= days.To || len(x.listed) > 0 && x.listed[len(x.listed)-1].To >= days.From {
			return index{}, damaged("a range of days is out of place")
		}
		x.listed = append(x.listed, days)
	}
	if r.bad || len(r.b) > 0 {
		return index{}, damaged("its length is wrong")
	}
	return x, nil
}
