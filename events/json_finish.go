package events

import (
	"encoding/base64"
	"strings"
	"time"
)

// finish makes the event of what was collected.
func (d *decoder) finish(e *Event) bool {
	for _, place := range [...]int{attrID, attrSource, attrSpecVersion, attrType} {
		if len(d.attrs[place]) == 0 {
			return d.fail(missing(attrNames[place]))
		}
	}
	if string(d.attrs[attrSpecVersion]) != "1.0" {
		return d.fail(ErrMalformed.Refuse("specversion", "只支持 CloudEvents 1.0", "only CloudEvents 1.0 is supported"))
	}
	if p := readTime(&e.Time, d.attrs[attrTime]); p != nil {
		return d.fail(p)
	}
	d.own(e)
	if p := d.content(e); p != nil {
		return d.fail(p)
	}
	if d.strict {
		if p := e.validate(); p != nil {
			return d.fail(p)
		}
	}
	return true
}

// own copies the strings of the event into one. A type or source that is well known, or the same as in the event before, is shared.
func (d *decoder) own(e *Event) {
	typ, known := knownType(d.attrs[attrType], e.Type)
	sameSource := e.Source != "" && string(d.attrs[attrSource]) == e.Source
	size := len(d.attrs[attrID]) + len(d.attrs[attrSubject]) + len(d.attrs[attrDataContentType]) + len(d.attrs[attrDataSchema])
	if !known {
		size += len(d.attrs[attrType])
	}
	if !sameSource {
		size += len(d.attrs[attrSource])
	}
	present := 0
	for i := range d.exts[:d.extN] {
		if x := &d.exts[i]; !x.null {
			present++
			size += len(x.value)
			if knownName(x.name) == "" {
				size += len(x.name)
			}
		}
	}
	var all strings.Builder
	all.Grow(size)
	keep := func(b []byte) string {
		from := all.Len()
		all.Write(b)
		return all.String()[from:]
	}
	e.ID = keep(d.attrs[attrID])
	if e.Type = typ; !known {
		e.Type = keep(d.attrs[attrType])
	}
	if !sameSource {
		e.Source = keep(d.attrs[attrSource])
	}
	e.Subject = keep(d.attrs[attrSubject])
	if e.DataContentType = "application/json"; string(d.attrs[attrDataContentType]) != e.DataContentType {
		e.DataContentType = keep(d.attrs[attrDataContentType])
	}
	e.DataSchema = keep(d.attrs[attrDataSchema])
	if present == 0 {
		return
	}
	if cap(e.Extensions) < present {
		e.Extensions = make([]Extension, 0, present)
	}
	for i := range d.exts[:d.extN] {
		x := &d.exts[i]
		if x.null {
			continue
		}
		name := knownName(x.name)
		if name == "" {
			name = keep(x.name)
		}
		e.Extensions = append(e.Extensions, Extension{name, keep(x.value), x.kind})
	}
}

// content gives the event its data, by the content type.
func (d *decoder) content(e *Event) *Problem {
	plain, coded := d.attrs[attrData], d.attrs[attrDataBase64]
	switch {
	case plain != nil && coded != nil:
		return ErrMalformed.Refuse("data_base64", "data 与 data_base64 不能同时出现", "data and data_base64 exclude each other")
	case coded != nil:
		data := make([]byte, base64.StdEncoding.DecodedLen(len(coded)))
		n, err := base64.StdEncoding.Strict().Decode(data, coded)
		if err != nil {
			return ErrMalformed.Refuse("data_base64", "不是合法的 base64", "not valid base64")
		}
		e.Data, e.Binary = data[:n], true
	case plain == nil:
	case isJSONType(e.DataContentType):
		e.Data = plain
	case plain[0] != '"':
		return ErrMalformed.Refuse("data", "此内容类型的 data 须为字符串", "data of this content type is a string")
	case d.escaped:
		e.Data = unescape(plain[1 : len(plain)-1])
	default:
		e.Data = plain[1 : len(plain)-1 : len(plain)-1]
	}
	return nil
}

// readTime reads an RFC 3339 timestamp, "" for none.
func readTime(t *time.Time, b []byte) *Problem {
	if len(b) == 0 {
		return nil
	}
	if len(b) > 64 || !rfc3339Form(b) || t.UnmarshalText(b) != nil {
		return malformedTime()
	}
	if *t = t.UTC(); !writableTime(*t) {
		return malformedTime()
	}
	return nil
}

// rfc3339Form holds the text to the grammar where package time is lenient (one-digit hours, a comma, zones over a day).
func rfc3339Form(b []byte) bool {
	const form = "dddd-dd-ddTdd:dd:dd"
	if len(b) <= len(form) || !hasForm(b[:len(form)], form) {
		return false
	}
	zone := b[len(form):]
	if zone[0] == '.' {
		n := 1
		for n < len(zone) && zone[n] >= '0' && zone[n] <= '9' {
			n++
		}
		if n == 1 || n == len(zone) {
			return false
		}
		zone = zone[n:]
	}
	if len(zone) == 1 {
		return zone[0] == 'Z'
	}
	return (hasForm(zone, "+dd:dd") || hasForm(zone, "-dd:dd")) && string(zone[1:3]) < "24" && string(zone[4:]) < "60"
}

func hasForm(b []byte, form string) bool {
	if len(b) != len(form) {
		return false
	}
	for i, c := range b {
		if form[i] == 'd' && (c < '0' || c > '9') || form[i] != 'd' && c != form[i] {
			return false
		}
	}
	return true
}

// knownType shares the strings of the catalogue's types, and of the type that came last.
func knownType(b []byte, last string) (string, bool) {
	if last != "" && string(b) == last {
		return last, true
	}
	e, ok := byType[string(b)]
	return e.Type, ok
}

// knownName shares the names of the bus's own extensions; "" for any other.
func knownName(b []byte) string {
	switch string(b) {
	case ExtRegion:
		return ExtRegion
	case ExtIndustry:
		return ExtIndustry
	case ExtStage:
		return ExtStage
	case ExtInstrument:
		return ExtInstrument
	case ExtAmountWan:
		return ExtAmountWan
	case ExtCurrency:
		return ExtCurrency
	case ExtDataClass:
		return ExtDataClass
	case ExtSequence:
		return ExtSequence
	case ExtCorrelation:
		return ExtCorrelation
	case ExtCausation:
		return ExtCausation
	case ExtTraceParent:
		return ExtTraceParent
	case ExtActor:
		return ExtActor
	case ExtExpected:
		return ExtExpected
	}
	return ""
}
