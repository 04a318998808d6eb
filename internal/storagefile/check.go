// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package storagefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// ErrDamaged is what Check returns for a file that can't be opened without harm.
var ErrDamaged = errors.New("is damaged")

// Check reads a file and returns an ErrDamaged if a page that is in use is missing, is not what the
// pages before it say, is used twice, or has keys out of order. Values are not looked at: who reads
// them has checksums. A file without content is right, it is a new one; so is one that another process
// has open, which file_storage refuses with its own words.
//
// bbolt opens the file, which takes its lock and checks the two pages that say where everything else
// is. All other pages are read here and not from memory that is mapped, where a page beyond the end of
// the file is a fault that ends the process.
func Check(path string) (err error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return err
	}
	var file *os.File
	db, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true, Timeout: time.Nanosecond,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode)
			file = f
			return f, err
		}})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil
	case errors.Is(err, os.ErrPermission):
		return err
	case err != nil:
		return fmt.Errorf("%s %w: %w", path, ErrDamaged, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.View(func(tx *bbolt.Tx) error {
		p := pages{file: file, size: db.Info().PageSize}
		p.end = uint64(tx.Size()) / uint64(p.size)
		if has := info.Size(); has < tx.Size() {
			return fmt.Errorf("%s %w: it was cut, it has %d of %d bytes", path, ErrDamaged, has, tx.Size())
		}
		p.used = make([]bool, p.end)
		if err := p.tree(uint64(tx.Cursor().Bucket().RootPage()), nil, nil, 0); err != nil {
			return fmt.Errorf("%s %w: %w", path, ErrDamaged, err)
		}
		return nil
	})
}

// pages are those of a file of bbolt, format version 2. A page has a header of 16 bytes: its number
// (8), flags (2), number of elements (2), and how many pages follow that belong to it (4). Then come
// the elements of 16 bytes, each with the position of its key, counted from the element. The order of
// bytes is that of the machine.
type pages struct {
	file    *os.File
	size    int    // of a page, in bytes
	end     uint64 // pages from here on are not in use
	used    []bool
	buffers [][]byte // of each depth
}

const (
	headerSize  = 16
	elementSize = 16
	branchPage  = 1 // flags of a page
	leafPage    = 2
	bucketLeaf  = 1 // flag of an element: its value is a bucket
)

// maxDepth is beyond that of any tree: a page of 4 KiB has at least two elements.
const maxDepth = 64

var order = binary.NativeEndian

// tree checks the pages below one, whose keys are at least from and less than to; nil is no bound.
func (p *pages) tree(id uint64, from, to []byte, depth int) error {
	if depth == maxDepth {
		return fmt.Errorf("page %d is more than %d pages below the first one", id, maxDepth)
	}
	page, err := p.read(id, depth)
	if err != nil {
		return err
	}
	branch := order.Uint16(page[8:]) == branchPage
	elements, err := elementsOf(page, branch)
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	for i, e := range elements {
		key := e.key
		if i == 0 && bytes.Compare(key, from) < 0 || i > 0 && bytes.Compare(key, elements[i-1].key) <= 0 ||
			to != nil && bytes.Compare(key, to) >= 0 {
			return fmt.Errorf("page %d: key %d is out of order", id, i)
		}
		switch {
		case branch:
			next := to
			if i+1 < len(elements) {
				next = elements[i+1].key
			}
			err = p.tree(e.page, key, next, depth+1)
		case e.bucket:
			err = p.bucket(e.value, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read returns a page that is in use, with those that belong to it, in the buffer of its depth.
func (p *pages) read(id uint64, depth int) ([]byte, error) {
	if depth == len(p.buffers) {
		p.buffers = append(p.buffers, make([]byte, p.size))
	}
	if id < 2 || id >= p.end {
		return nil, fmt.Errorf("there is no page %d, the last one is %d", id, p.end-1)
	}
	page := p.buffers[depth][:p.size]
	if _, err := p.file.ReadAt(page, int64(id)*int64(p.size)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	if is := order.Uint64(page); is != id {
		return nil, fmt.Errorf("page %d calls itself %d", id, is)
	}
	if flags := order.Uint16(page[8:]); flags != branchPage && flags != leafPage {
		return nil, fmt.Errorf("page %d has the flags %#x", id, flags)
	}
	last := id + uint64(order.Uint32(page[12:]))
	if last >= p.end {
		return nil, fmt.Errorf("page %d reaches to page %d, the last one is %d", id, last, p.end-1)
	}
	for i := id; i <= last; i++ {
		if p.used[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		p.used[i] = true
	}
	if last == id {
		return page, nil
	}
	whole := int(last-id+1) * p.size
	if cap(p.buffers[depth]) < whole {
		p.buffers[depth] = make([]byte, whole)
	}
	page = p.buffers[depth][:whole]
	if _, err := p.file.ReadAt(page, int64(id)*int64(p.size)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return page, nil
}

// bucket checks a bucket: the number of its first page and a counter, 8 bytes each. The number 0 means
// that its only page is here, behind them.
func (p *pages) bucket(value []byte, depth int) error {
	if len(value) < 16 {
		return errors.New("a bucket is cut off")
	}
	if first := order.Uint64(value); first != 0 {
		return p.tree(first, nil, nil, depth)
	}
	page := value[16:]
	if len(page) < headerSize || order.Uint16(page[8:]) != leafPage {
		return errors.New("a bucket has no page")
	}
	_, err := elementsOf(page, false)
	return err
}

// element is one of a page.
type element struct {
	key    []byte
	page   uint64 // of a branch: where the keys from this one on are
	value  []byte // of a leaf
	bucket bool
}

// elementsOf decodes the elements of a page, all of which lie in it.
func elementsOf(page []byte, branch bool) ([]element, error) {
	count := int(order.Uint16(page[10:]))
	if headerSize+count*elementSize > len(page) || branch && count == 0 {
		return nil, fmt.Errorf("it has %d elements", count)
	}
	elements := make([]element, count)
	for i := range elements {
		e, at := &elements[i], headerSize+i*elementSize
		head := page[at:]
		position, keySize, valueSize := order.Uint32(head), order.Uint32(head[4:]), uint32(0)
		if branch {
			e.page = order.Uint64(head[8:])
		} else {
			e.bucket = position&bucketLeaf != 0
			position, keySize, valueSize = order.Uint32(head[4:]), order.Uint32(head[8:]), order.Uint32(head[12:])
		}
		key := uint64(at) + uint64(position)
		value := key + uint64(keySize)
		end := value + uint64(valueSize)
		if keySize == 0 || end > uint64(len(page)) {
			return nil, fmt.Errorf("element %d is not in it", i)
		}
		e.key, e.value = page[key:value], page[value:end]
	}
	return elements, nil
}
