package matcher

import (
	"encoding/binary"
	"sync"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// The judged form of an offer or a demand is what eligibility and score read of it, in some dozens of bytes: an index puts it back
// into a scratch Offer or Demand and judges that by the same functions as everything else.

// offerDocument is the rest: all that an Offer has beside its id, owner and standing.
type offerDocument struct {
	Unit, Source string
	Terms        events.OfferTerms
	Facts        events.PartyFacts
}

// demandDocument is all that a Demand has beside its id, owner and standing.
type demandDocument struct {
	Terms            events.DemandTerms
	Facts            events.EnterpriseFacts
	Region, Industry string
}

// Flags of a judged offer.
const (
	judgedTerm = 1 << iota // names terms
	judgedTool             // a policy tool supports it
)

func appendNodes(b []byte, nodes []node) []byte {
	b = binary.AppendUvarint(b, uint64(len(nodes)))
	for _, n := range nodes {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// judge appends the judged form of an offer, without what its record has.
func (o *Offer) judge(b []byte) []byte {
	var flags byte
	if o.Terms.TermMonths != nil {
		flags |= judgedTerm
	}
	if o.tools > 0 {
		flags |= judgedTool
	}
	b = binary.AppendUvarint(append(b, flags), o.stages)
	for _, n := range o.place {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(len(o.clauses)))
	for i := range o.clauses {
		c := &o.clauses[i]
		b = append(b, byte(c.field), byte(c.op))
		switch {
		case c.field == fieldRegion || c.field == fieldIndustry:
			b = appendNodes(b, c.nodes)
		case c.op == least || c.op == most:
			b = binary.AppendVarint(b, c.number)
		default:
			b = binary.AppendUvarint(b, c.word)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(o.appetite)))
	for i := range o.appetite {
		w := &o.appetite[i]
		b = binary.AppendVarint(append(b, byte(w.field)), w.weight)
		if w.field == fieldRegion || w.field == fieldIndustry {
			b = appendNodes(b, w.nodes)
		} else {
			b = binary.AppendUvarint(b, w.word)
		}
	}
	return b
}

// judgedReader reads judged forms and keeps the memory for it.
type judgedReader struct {
	b     []byte
	nodes []node
	// What the scratch forms point to.
	term    events.Months
	revenue events.Money
}

func (r *judgedReader) byte() byte {
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// uvarint has the short forms in line: most numbers are codes.
func (r *judgedReader) uvarint() uint64 {
	if v := r.b[0]; v < 0x80 {
		r.b = r.b[1:]
		return uint64(v)
	}
	n, size := binary.Uvarint(r.b)
	r.b = r.b[size:]
	return n
}

func (r *judgedReader) varint() int64 {
	n, size := binary.Varint(r.b)
	r.b = r.b[size:]
	return n
}

func (r *judgedReader) list() []node {
	n, from := int(r.uvarint()), len(r.nodes)
	for range n {
		r.nodes = append(r.nodes, node(r.uvarint()))
	}
	return r.nodes[from:]
}

// clauses reads an offer up to its clauses into a scratch offer. The record, instrument and currency are the caller's.
func (r *judgedReader) clauses(b []byte, o *Offer) {
	r.b, r.nodes = b, r.nodes[:0]
	flags := r.byte()
	o.Terms.TermMonths = nil
	if flags&judgedTerm != 0 {
		o.Terms.TermMonths = &r.term
	}
	o.tools = int(flags&judgedTool) / judgedTool
	o.stages = r.uvarint()
	for i := range o.place {
		o.place[i] = node(r.uvarint())
	}
	o.clauses = o.clauses[:0]
	for range r.uvarint() {
		c := clause{field: field(r.byte()), op: operator(r.byte())}
		switch {
		case c.field == fieldRegion || c.field == fieldIndustry:
			c.nodes = r.list()
		case c.op == least || c.op == most:
			c.number = r.varint()
		default:
			c.word = r.uvarint()
		}
		o.clauses = append(o.clauses, c)
	}
}

// appetite reads the rest, after clauses.
func (r *judgedReader) appetite(o *Offer) {
	o.appetite, o.sectors, o.weights = o.appetite[:0], o.sectors[:0], 0
	for range r.uvarint() {
		w := want{field: field(r.byte())}
		w.weight = r.varint()
		if w.field == fieldRegion || w.field == fieldIndustry {
			w.nodes = r.list()
		} else {
			w.word = r.uvarint()
		}
		if w.field == fieldIndustry {
			for _, n := range w.nodes {
				if n != 0 {
					o.sectors = append(o.sectors, pathOfNode(n))
				}
			}
		}
		o.appetite = append(o.appetite, w)
		o.weights += w.weight
	}
}

// pathOfNode is the path of the industry that a node stands for.
func pathOfNode(n node) (p industryPath) {
	level, letter, number := int(n>>24), n>>16&0xff, uint32(n&0xffff)
	for ; level > 0; level-- {
		p[level-1] = node(level)<<24 | letter<<16 | node(number)
		if level == 2 {
			number = 0 // a section has no number
		} else {
			number /= 10
		}
	}
	return p
}

// instrumentBit gives an instrument a bit; all that are not listed share the last one.
func instrumentBit(instrument string) uint64 {
	if bit, ok := instrumentBits()[instrument]; ok {
		return bit
	}
	return instrumentOther
}

const instrumentOther = uint64(1) << 63

var instrumentBits = sync.OnceValue(func() lexicon {
	l := lexicon{}
	for i, e := range codes.AllInstruments() {
		l[e.Code] = 1 << min(uint(i), 63)
	}
	return l
})

// Flags of a judged demand.
const (
	judgedAnyTerm = 1 << iota
	judgedProfiled
	judgedOdd // dates or codes that have no short form: read the document
)

// dayNumber is a date as a number that orders like the text; ok is false where a date has another form than YYYY-MM-DD.
func dayNumber(d events.Date) (n uint64, ok bool) {
	if len(d) != 10 || d[4] != '-' || d[7] != '-' {
		return 0, false
	}
	for i := range len(d) {
		if i == 4 || i == 7 {
			continue
		}
		if d[i] < '0' || d[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(d[i]-'0')
	}
	return n, true
}

// judge appends the judged form of a demand, standing excepted.
func (d *Demand) judge(b []byte) []byte {
	var flags byte
	if d.anyTerm {
		flags |= judgedAnyTerm
	}
	if d.profiled {
		flags |= judgedProfiled
	}
	var instruments uint64
	for _, i := range d.instruments {
		instruments |= instrumentBit(i)
	}
	if instruments&instrumentOther != 0 {
		flags |= judgedOdd
	}
	for _, t := range d.titles {
		_, from := dayNumber(t.from)
		_, to := dayNumber(t.to)
		if !from || !to {
			flags |= judgedOdd
		}
	}
	b = append(b, flags)
	for _, n := range []uint64{instruments, d.stage, d.focus, d.securities, d.use} {
		b = binary.AppendUvarint(b, n)
	}
	revenue, currency := int64(unknown), ""
	if m := d.Facts.Revenue; m != nil {
		revenue, currency = m.Minor, m.Currency
	}
	for _, n := range []int64{
		d.Terms.Amount.Minor, d.minAmount, d.maxPrice, int64(d.termMin), int64(d.termMax), d.validUntil, d.rdFloor, d.rdCeil,
		int64(d.Facts.Employees), int64(d.Facts.Patents), int64(d.founded[0]), int64(d.founded[1]), int64(d.founded[2]), revenue,
	} {
		b = binary.AppendVarint(b, n)
	}
	b = append(binary.AppendUvarint(b, uint64(len(currency))), currency...)
	b = appendNodes(appendNodes(b, d.region[:]), d.industry[:])
	b = binary.AppendUvarint(b, uint64(len(d.titles)))
	for _, t := range d.titles {
		from, _ := dayNumber(t.from)
		to, _ := dayNumber(t.to)
		b = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(b, t.bit), from), to)
	}
	return b
}

// demand reads a judged demand into a scratch one: instruments are those it names, titles those valid on a day. odd says that it
// cannot, and that the whole demand must be judged. A revenue in another currency than the one given is left out: no clause of an
// offer in that currency can read it.
func (r *judgedReader) demand(b []byte, d *Demand, day uint64, currency string) (instruments, titles uint64, odd bool) {
	r.b, r.nodes = b, r.nodes[:0]
	flags := r.byte()
	if flags&judgedOdd != 0 {
		return 0, 0, true
	}
	d.anyTerm, d.profiled = flags&judgedAnyTerm != 0, flags&judgedProfiled != 0
	instruments = r.uvarint()
	d.stage, d.focus, d.securities, d.use = r.uvarint(), r.uvarint(), r.uvarint(), r.uvarint()
	d.Terms.Amount.Minor, d.minAmount, d.maxPrice = r.varint(), r.varint(), r.varint()
	d.termMin, d.termMax, d.validUntil = int32(r.varint()), int32(r.varint()), r.varint()
	d.rdFloor, d.rdCeil, d.Facts.Employees, d.Facts.Patents = r.varint(), r.varint(), int(r.varint()), int(r.varint())
	d.founded = [3]int{int(r.varint()), int(r.varint()), int(r.varint())}
	r.revenue = events.Money{Minor: r.varint(), Currency: currency}
	d.Facts.Revenue = nil
	size := int(r.uvarint())
	if string(r.b[:size]) == currency {
		d.Facts.Revenue = &r.revenue
	}
	r.b = r.b[size:]
	copy(d.region[:], r.list())
	copy(d.industry[:], r.list())
	for range r.uvarint() {
		bit, from, to := r.uvarint(), r.uvarint(), r.uvarint()
		if from <= day && day <= to {
			titles |= bit
		}
	}
	return instruments, titles, false
}
