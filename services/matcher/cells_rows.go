package matcher

import (
	"encoding/binary"
	"hash/maphash"
)

// pages hold rows in pieces, so that growing moves nothing.
type pages[R any] struct {
	list []*[pageRows]R
	free []uint32
	next uint32
}

const pageRows = 1024

func (p *pages[R]) at(row uint32) *R { return &p.list[row/pageRows][row%pageRows] }

// take finds a row that is not in use.
func (p *pages[R]) take() uint32 {
	if n := len(p.free); n > 0 {
		row := p.free[n-1]
		p.free = p.free[:n-1]
		return row
	}
	row := p.next
	p.next++
	if int(row/pageRows) == len(p.list) {
		p.list = append(p.list, new([pageRows]R))
	}
	return row
}

// give returns a row.
func (p *pages[R]) give(row uint32) {
	var none R
	*p.at(row) = none
	p.free = append(p.free, row)
}

// entry is where an id is found: the domain, the row in it, and some bits of the id's hash; 0 is none.
type entry uint64

func makeEntry(hash uint64, domain, row uint32) entry {
	return entry(hash&0xffff<<48|uint64(domain&0xffff)<<32|uint64(row)) + 1<<32 // a domain is never 0
}

func (e entry) domain() uint32 { return uint32(e>>32)&0xffff - 1 }
func (e entry) row() uint32    { return uint32(e) }
func (e entry) tag() uint64    { return uint64(e >> 48) }

// idTable finds rows by id. The ids themselves are with the rows. It has many small parts that grow one at a time, so that no growth
// takes long.
type idTable struct {
	seed  maphash.Seed
	parts [idParts]idPart
	n     int
}

type idPart struct {
	slots []entry
	used  int // slots that are not empty, removed ones included
	live  int
}

const (
	idParts = 256
	gone    = ^entry(0)
)

func newIDTable() *idTable { return &idTable{seed: maphash.MakeSeed()} }

// find gives the entry of an id; is tells whether an entry is really the id's.
func (t *idTable) find(id string, is func(entry) bool) (entry, bool) {
	hash := maphash.String(t.seed, id)
	e, _, ok := t.parts[hash>>56].find(hash, is)
	return e, ok
}

func (p *idPart) find(hash uint64, is func(entry) bool) (e entry, slot int, ok bool) {
	if len(p.slots) == 0 {
		return 0, 0, false
	}
	mask := len(p.slots) - 1
	for slot = int(hash>>16) & mask; ; slot = (slot + 1) & mask {
		switch e = p.slots[slot]; {
		case e == 0:
			return 0, 0, false
		case e != gone && e.tag() == hash&0xffff && is(e):
			return e, slot, true
		}
	}
}

// put adds an id that is not in the table; idOf gives the id of an entry, for growth.
func (t *idTable) put(id string, domain, row uint32, idOf func(entry) string) {
	hash := maphash.String(t.seed, id)
	p := &t.parts[hash>>56]
	if 4*(p.used+1) > 3*len(p.slots) {
		old := p.slots
		size := 16
		for size < 2*(p.live+1) {
			size *= 2
		}
		*p = idPart{slots: make([]entry, size)}
		for _, e := range old {
			if e != 0 && e != gone {
				p.insert(maphash.String(t.seed, idOf(e)), e)
			}
		}
	}
	p.insert(hash, makeEntry(hash, domain, row))
	t.n++
}

func (p *idPart) insert(hash uint64, e entry) {
	mask := len(p.slots) - 1
	slot := int(hash>>16) & mask
	for p.slots[slot] != 0 {
		slot = (slot + 1) & mask
	}
	p.slots[slot] = e
	p.used++
	p.live++
}

// remove takes an id out.
func (t *idTable) remove(id string, is func(entry) bool) {
	hash := maphash.String(t.seed, id)
	p := &t.parts[hash>>56]
	if _, slot, ok := p.find(hash, is); ok {
		p.slots[slot] = gone
		p.live--
		t.n--
	}
}

// replace gives an id that is in the table another row.
func (t *idTable) replace(id string, old entry, domain, row uint32) {
	hash := maphash.String(t.seed, id)
	p := &t.parts[hash>>56]
	_, slot, _ := p.find(hash, func(e entry) bool { return e == old })
	p.slots[slot] = makeEntry(hash, domain, row)
}

func (t *idTable) bytes() (n int) {
	for i := range t.parts {
		n += 8 * cap(t.parts[i].slots)
	}
	return n
}

// stored is what a row keeps in the arena: the id, the owner, the judged form, the document.
type stored []byte

func (s stored) part(n int) []byte {
	for range n {
		size, at := binary.Uvarint(s)
		s = s[at+int(size):]
	}
	size, at := binary.Uvarint(s)
	return s[at : at+int(size)]
}

func (s stored) id() []byte     { return s.part(0) }
func (s stored) owner() []byte  { return s.part(1) }
func (s stored) judged() []byte { return s.part(2) }

func (s stored) document() []byte {
	j := s.part(2)
	return s[cap(s)-cap(j)+len(j):]
}

func appendPart(b []byte, part string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

func appendBytes(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}
