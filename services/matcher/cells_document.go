package matcher

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"
)

// codec writes what is put into an index as few bytes without pointers, and reads it back. It follows the types, so that a field
// that a contract gains is kept without a change here; what it cannot write it refuses when it is made, not later.
//
// Words that come again and again (codes, names of fields, institutions) are written as a number of the codec's own list; fields
// named in unlisted are different every time and are written out. Nothing of this is kept on a disk.
type codec struct {
	mu     sync.RWMutex
	words  []string
	number map[string]uint32
}

// wordsMax bounds the list; a word beyond it is written out.
const wordsMax = 1 << 17

// unlisted are fields whose words are different every time.
var unlisted = map[string]bool{
	"ID": true, "Enterprise": true, "Title": true, "Position": true, "EnterpriseFacts.Name": true,
}

var timeType = reflect.TypeFor[time.Time]()

func newCodec(types ...reflect.Type) *codec {
	for _, t := range types {
		writable(t)
	}
	return &codec{number: make(map[string]uint32)}
}

// writable panics on a type that the codec does not know: a mistake of this program, seen by every test.
func writable(t reflect.Type) {
	if t == timeType {
		return
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64:
	case reflect.Pointer, reflect.Slice:
		writable(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				writable(f.Type)
			}
		}
	default:
		panic(fmt.Sprintf("matcher: documents cannot hold a %s", t))
	}
}

// append writes the value that a pointer points to.
func (c *codec) append(b []byte, pointer any) []byte {
	return c.write(b, reflect.ValueOf(pointer).Elem(), true)
}

func (c *codec) write(b []byte, v reflect.Value, listed bool) []byte {
	if v.Type() == timeType {
		t := v.Addr().Interface().(*time.Time)
		return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
	}
	switch v.Kind() {
	case reflect.String:
		return c.word(b, v.String(), listed)
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Uint64:
		return binary.AppendUvarint(b, v.Uint())
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0)
		}
		return c.write(append(b, 1), v.Elem(), listed)
	case reflect.Slice:
		if v.IsNil() {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		for i := range v.Len() {
			b = c.write(b, v.Index(i), listed)
		}
		return b
	case reflect.Struct:
		t := shapeOf(v.Type())
		for _, f := range t {
			b = c.write(b, v.Field(f.index), f.listed)
		}
		return b
	}
	return binary.AppendVarint(b, v.Int())
}

// word writes a string: an even number is its length, an odd one its place in the list.
func (c *codec) word(b []byte, s string, listed bool) []byte {
	if listed && s != "" {
		c.mu.RLock()
		n, ok := c.number[s]
		full := len(c.words) >= wordsMax
		c.mu.RUnlock()
		if !ok && !full {
			c.mu.Lock()
			n, ok = uint32(len(c.words)), true
			c.words = append(c.words, s)
			c.number[s] = n
			c.mu.Unlock()
		}
		if ok {
			return binary.AppendUvarint(b, uint64(n)<<1|1)
		}
	}
	return append(binary.AppendUvarint(b, uint64(len(s))<<1), s...)
}

// read puts what append wrote into the zero value that a pointer points to.
func (c *codec) read(b []byte, pointer any) []byte {
	c.mu.RLock()
	words := c.words
	c.mu.RUnlock()
	r := documentReader{b, words}
	r.value(reflect.ValueOf(pointer).Elem())
	return r.b
}

// text reads what word wrote.
func (c *codec) text(b []byte) string {
	n, size := binary.Uvarint(b)
	if n&1 == 0 {
		return string(b[size:])
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.words[n>>1]
}

// bytes is about what the list takes.
func (c *codec) bytes() (n int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, w := range c.words {
		n += len(w) + 16 + 32
	}
	return n
}

type documentReader struct {
	b     []byte
	words []string
}

func (r *documentReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.b)
	r.b = r.b[size:]
	return n
}

func (r *documentReader) varint() int64 {
	n, size := binary.Varint(r.b)
	r.b = r.b[size:]
	return n
}

func (r *documentReader) word() string {
	n := r.uvarint()
	if n&1 == 1 {
		return r.words[n>>1]
	}
	s := string(r.b[:n>>1])
	r.b = r.b[n>>1:]
	return s
}

func (r *documentReader) value(v reflect.Value) {
	if v.Type() == timeType {
		seconds := r.varint()
		*v.Addr().Interface().(*time.Time) = time.Unix(seconds, int64(r.uvarint())).UTC()
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(r.word())
	case reflect.Bool:
		v.SetBool(r.uvarint() == 1)
	case reflect.Uint64:
		v.SetUint(r.uvarint())
	case reflect.Pointer:
		if r.uvarint() == 1 {
			v.Set(reflect.New(v.Type().Elem()))
			r.value(v.Elem())
		}
	case reflect.Slice:
		if n := r.uvarint(); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), int(n-1), int(n-1)))
			for i := range int(n - 1) {
				r.value(v.Index(i))
			}
		}
	case reflect.Struct:
		for _, f := range shapeOf(v.Type()) {
			r.value(v.Field(f.index))
		}
	default:
		v.SetInt(r.varint())
	}
}

// shaped is one exported field of a type.
type shaped struct {
	index  int
	listed bool
}

var shapes sync.Map // reflect.Type -> []shaped

func shapeOf(t reflect.Type) []shaped {
	if s, ok := shapes.Load(t); ok {
		return s.([]shaped)
	}
	var list []shaped
	for i := range t.NumField() {
		f := t.Field(i)
		if f.IsExported() {
			list = append(list, shaped{i, !unlisted[f.Name] && !unlisted[t.Name()+"."+f.Name]})
		}
	}
	shapes.Store(t, list)
	return list
}

// arena holds documents one after another in large pieces, which the collector sees as one object each. One caller writes; what has
// been given out stays as it is, also when its piece is given up.
type arena struct {
	pieces [][]byte
	dead   []int // bytes of each piece that nobody refers to
}

const pieceBytes = 256 << 10

// ref is where a document lies: piece, offset, length.
type ref uint64

const refLengthMax = 1 << 20

func makeRef(piece, offset, length int) ref {
	return ref(piece)<<38 | ref(offset)<<20 | ref(length)
}

func (r ref) piece() int  { return int(r >> 38) }
func (r ref) offset() int { return int(r>>20) & (1<<18 - 1) }
func (r ref) length() int { return int(r) & (refLengthMax - 1) }

// put stores a document of at most refLengthMax bytes. It does not grow a piece in place: those who read it never see it move.
func (a *arena) put(b []byte) ref {
	last := len(a.pieces) - 1
	if last < 0 || len(a.pieces[last])+len(b)+binary.MaxVarintLen32 > cap(a.pieces[last]) {
		a.pieces = append(a.pieces, make([]byte, 0, max(pieceBytes, len(b)+binary.MaxVarintLen32)))
		a.dead = append(a.dead, 0)
		last++
	}
	a.pieces[last] = binary.AppendUvarint(a.pieces[last], uint64(len(b)))
	offset := len(a.pieces[last])
	a.pieces[last] = append(a.pieces[last], b...)
	return makeRef(last, offset, len(b))
}

func (a *arena) get(r ref) []byte {
	return a.pieces[r.piece()][r.offset() : r.offset()+r.length()]
}

// drop says that a document is not needed any more, and tells whether its piece has become worth emptying.
func (a *arena) drop(r ref) (piece int, sparse bool) {
	p := r.piece()
	a.dead[p] += r.length()
	return p, p < len(a.pieces)-1 && 2*a.dead[p] > len(a.pieces[p])
}

// walk visits everything that was put into a piece.
func (a *arena) walk(piece int, visit func(at ref, b []byte)) {
	p := a.pieces[piece]
	for offset := 0; offset < len(p); {
		n, size := binary.Uvarint(p[offset:])
		offset += size
		visit(makeRef(piece, offset, int(n)), p[offset:offset+int(n)])
		offset += int(n)
	}
}

// free gives up a piece from which everything has been moved.
func (a *arena) free(piece int) { a.pieces[piece], a.dead[piece] = nil, math.MinInt }

// bytes is the memory held.
func (a *arena) bytes() (n int) {
	for _, p := range a.pieces {
		n += cap(p)
	}
	return n + 32*len(a.pieces)
}
