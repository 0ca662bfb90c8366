package events

import (
	"strconv"
	"strings"
)

// DecodeJSON reads one event in CloudEvents' JSON format, in one pass, and trusts nothing: it is the door's decoder. What it
// accepts, Validate accepts, and data of a JSON type has passed what CheckJSON checks (with MaxDepth, counted from the data).
// Optional attributes that are null or "" are absent. The error is a *Problem; its Field is the name of an attribute, or a
// JSON pointer into the data.
//
// JSON data and text without escapes are not copied: Data is a piece of b, which must not change afterwards. Attributes are copies.
func DecodeJSON(b []byte) (Event, error) {
	var e Event
	d, p := newDecoder(b, true)
	if p != nil {
		return Event{}, p
	}
	d.space()
	if !d.event(&e) || !d.end() {
		return Event{}, d.err
	}
	return e, nil
}

// DecodeBatch is DecodeJSON for the batch format, with at most limit events.
func DecodeBatch(b []byte, limit int) ([]Event, error) {
	d, p := newDecoder(b, true)
	if p != nil {
		return nil, p
	}
	var out []Event
	n := 0
	more, ok := d.open()
	for ; ok && more; more, ok = d.next() {
		if n++; n > limit {
			return nil, ErrTooLarge.Refusef("", "一批最多 %d 个事件", "at most %d events in a batch", limit)
		}
		out = append(out, Event{})
		if !d.event(&out[n-1]) {
			return nil, inBatch(d.err, n)
		}
	}
	if !ok || !d.end() {
		return nil, d.err
	}
	return out, nil
}

// RangeBatch reads a batch that this system wrote itself, for the readers of the ledger, and hands its events to visit one by
// one until visit returns an error, which it returns. It checks grammar and required attributes, but neither duplicate keys in
// the data nor the values of attributes: those passed the door once. *e, its Extensions and its Data (a piece of b) are valid
// until visit returns; the strings are copies and may be kept.
func RangeBatch(b []byte, visit func(e *Event) error) error {
	d, p := newDecoder(b, false)
	if p != nil {
		return p
	}
	var e Event
	n := 0
	more, ok := d.open()
	for ; ok && more; more, ok = d.next() {
		n++
		e = Event{Type: e.Type, Source: e.Source, Extensions: e.Extensions[:0]}
		if !d.event(&e) {
			return inBatch(d.err, n)
		}
		if err := visit(&e); err != nil {
			return err
		}
	}
	if !ok || !d.end() {
		return d.err
	}
	return nil
}

func inBatch(p *Problem, n int) *Problem {
	at := strconv.Itoa(n)
	p.Detail = strings.TrimSpace("第 " + at + " 个事件 " + p.Detail)
	p.DetailEN = strings.TrimSpace("event " + at + " " + p.DetailEN)
	return p
}

// Places of the envelope's own attributes in decoder.attrs.
const (
	attrID = iota
	attrSource
	attrSpecVersion
	attrType
	attrSubject
	attrTime
	attrDataContentType
	attrDataSchema
	attrData
	attrDataBase64
	attrCount
)

var attrNames = [attrCount]string{"id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"}

// decoder collects the pieces of one event where they stand in the text; own makes them an Event with two allocations, one for
// all its strings and one for its extensions.
type decoder struct {
	scanner
	seen    uint16                      // one bit for each place in attrs that occurred, null or not
	attrs   [attrCount][]byte           // nil: absent or null
	escaped bool                        // the string of data has escapes
	exts    [MaxExtensions]rawExtension // sorted by name
	extN    int
}

type rawExtension struct {
	name, value []byte
	kind        ValueKind
	null        bool
}

func newDecoder(b []byte, strict bool) (decoder, *Problem) {
	if len(b) > maxJSONBytes {
		return decoder{}, ErrTooLarge.Refuse("", "", "")
	}
	return decoder{scanner: newScanner(b, strict)}, nil
}

// open passes the bracket of a batch; more says whether an event follows.
func (d *decoder) open() (more, ok bool) {
	d.space()
	if d.peek() != '[' {
		return false, d.unexpected()
	}
	d.i++
	d.space()
	if d.peek() == ']' {
		d.i++
		return false, true
	}
	return true, true
}

// next passes what stands between two events or the bracket after the last one.
func (d *decoder) next() (more, ok bool) {
	d.space()
	switch d.peek() {
	case ',':
		d.i++
		d.space()
		return true, true
	case ']':
		d.i++
		return false, true
	}
	return false, d.unexpected()
}

func (d *decoder) event(e *Event) bool {
	d.seen, d.attrs, d.escaped, d.extN = 0, [attrCount][]byte{}, false, 0
	if d.peek() != '{' {
		return d.unexpected()
	}
	d.i++
	d.space()
	if d.peek() == '}' {
		d.i++
		return d.finish(e)
	}
	for {
		key, escaped, ok := d.key()
		if !ok {
			return false
		}
		name := key.of(d.b)
		if escaped {
			name = unescape(name)
		}
		d.space()
		if !d.attribute(name) {
			return false
		}
		d.space()
		switch d.peek() {
		case ',':
			d.i++
			d.space()
		case '}':
			d.i++
			return d.finish(e)
		default:
			return d.unexpected()
		}
	}
}

func (d *decoder) attribute(name []byte) bool {
	place := -1
	switch string(name) {
	case "id":
		place = attrID
	case "source":
		place = attrSource
	case "specversion":
		place = attrSpecVersion
	case "type":
		place = attrType
	case "subject":
		place = attrSubject
	case "time":
		place = attrTime
	case "datacontenttype":
		place = attrDataContentType
	case "dataschema":
		place = attrDataSchema
	case "data":
		place = attrData
	case "data_base64":
		place = attrDataBase64
	default:
		return d.extension(name)
	}
	if d.seen&(1<<place) != 0 {
		return d.fail(ErrDuplicateKey.Refuse(attrNames[place], "", ""))
	}
	d.seen |= 1 << place
	if place == attrData {
		return d.data()
	}
	text, ok := d.stringOrNull()
	if !ok {
		d.err.Field = attrNames[place]
	}
	d.attrs[place] = text
	return ok
}

func (d *decoder) fail(p *Problem) bool {
	d.err = p
	return false
}

// stringOrNull reads a string; nil stands for null.
func (d *decoder) stringOrNull() ([]byte, bool) {
	switch d.peek() {
	case 'n':
		return nil, d.literal("null")
	case '"':
		t, escaped, ok := d.text()
		if !ok {
			return nil, false
		}
		text := t.of(d.b)
		if escaped {
			text = unescape(text)
		}
		return text, true
	case 0:
		return nil, d.unexpected()
	}
	return nil, d.syntax("此属性须为字符串", "the attribute is a string")
}

// data passes the data whole: whether it is JSON or text is known only when every attribute has been read.
func (d *decoder) data() bool {
	from := d.i
	if d.peek() == '"' {
		_, escaped, ok := d.text()
		if !ok {
			d.err.Field = "data"
			return false
		}
		d.escaped = escaped
	} else {
		d.path = d.path[:0]
		if !d.value(0) {
			if d.err.Field = d.pointer(); d.err.Field == "" {
				d.err.Field = "data"
			}
			return false
		}
	}
	d.attrs[attrData] = d.b[from:d.i:d.i]
	return true
}

func (d *decoder) extension(name []byte) bool {
	if !validName(name) {
		return d.fail(badName(string(name)))
	}
	place := d.extN
	for place > 0 && string(d.exts[place-1].name) > string(name) {
		place--
	}
	switch {
	case place > 0 && string(d.exts[place-1].name) == string(name):
		return d.fail(ErrDuplicateKey.Refuse(string(name), "", ""))
	case d.extN == MaxExtensions:
		return d.fail(ErrTooLarge.Refusef("", "扩展属性最多 %d 个", "at most %d extension attributes", MaxExtensions))
	}
	x := rawExtension{name: name}
	if !d.extensionValue(&x) {
		d.err.Field = string(name)
		return false
	}
	copy(d.exts[place+1:d.extN+1], d.exts[place:d.extN])
	d.exts[place] = x
	d.extN++
	return true
}

func (d *decoder) extensionValue(x *rawExtension) (ok bool) {
	from := d.i
	switch c := d.peek(); {
	case c == '"' || c == 'n':
		x.value, ok = d.stringOrNull()
		x.null = x.value == nil
		return ok
	case c == 't' || c == 'f':
		x.kind = Boolean
		if c == 't' {
			ok = d.literal("true")
		} else {
			ok = d.literal("false")
		}
	case c == '-' || c >= '0' && c <= '9':
		x.kind = Integer
		if ok = d.number(); ok {
			if string(d.b[from:d.i]) == "-0" {
				from++
			}
			if !canonicalInt32(d.b[from:d.i]) {
				return d.fail(notInt32(""))
			}
		}
	case c == 0:
		return d.unexpected()
	default:
		return d.syntax("扩展属性的值须为字符串、整数或布尔值", "an extension's value is a string, an integer or a boolean")
	}
	x.value = d.b[from:d.i]
	return ok
}
