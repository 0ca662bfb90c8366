package events

import "time"

// Event is one CloudEvent (specversion 1.0) in the compact form the hot paths use. The CloudEvents SDK's event.Event is
// the reference: ToSDK and FromSDK convert, and a test holds every encoder and decoder here to it both ways.
//
// An Event is immutable once it has been handed on: Data and Extensions may be shared.
type Event struct {
	ID              string
	Source          string
	Type            string
	Subject         string
	Time            time.Time // zero: absent
	DataContentType string    // "" means application/json when there is data
	DataSchema      string
	Data            []byte      // raw bytes of the payload; JSON text unless DataContentType says otherwise
	Binary          bool        // the data is not text: data_base64 in JSON formats
	Extensions      []Extension // sorted by name, names unique
}

// ValueKind says which CloudEvents type an extension value has.
type ValueKind uint8

// Kinds of extension values. URIs, timestamps and binary travel as strings, as in the JSON format.
const (
	String ValueKind = iota
	Integer
	Boolean
)

// Extension is one extension attribute: name [a-z0-9], at most 20 characters; Value is the canonical string form.
type Extension struct {
	Name  string
	Value string
	Kind  ValueKind
}

// Extension attributes of the bus.
const (
	ExtRegion      = "region"     // GB/T 2260 code, 6 digits
	ExtIndustry    = "industry"   // GB/T 4754 code with its section letter
	ExtStage       = "stage"      // lifecycle stage of the enterprise
	ExtInstrument  = "instrument" // code of contracts/codes/instruments.json; the first one where there are several
	ExtAmountWan   = "amountwan"  // amount in 10,000 units of the currency, rounded down; 32-bit
	ExtCurrency    = "currency"   // ISO 4217
	ExtDataClass   = "dataclass"  // 1 to 5 (JR/T 0197)
	ExtSequence    = "sequence"   // version of the entity after this event, 10 digits
	ExtCorrelation = "correlationid"
	ExtCausation   = "causationid" // id of the command
	ExtTraceParent = "traceparent"
	ExtActor       = "actor"           // who speaks: see Actor
	ExtExpected    = "expectedversion" // on commands: the version the sender saw (If-Match)
)

// Get returns the value of an extension, "" when it is absent.
func (e *Event) Get(name string) string {
	for i := range e.Extensions {
		if e.Extensions[i].Name == name {
			return e.Extensions[i].Value
		}
	}
	return ""
}

// Set adds or replaces an extension and keeps the order by name. The slice is copied: events that shared it keep theirs.
func (e *Event) Set(name, value string, kind ValueKind) {
	out := make([]Extension, 0, len(e.Extensions)+1)
	done := false
	for _, x := range e.Extensions {
		if !done && x.Name >= name {
			out = append(out, Extension{name, value, kind})
			done = true
			if x.Name == name {
				continue
			}
		}
		out = append(out, x)
	}
	if !done {
		out = append(out, Extension{name, value, kind})
	}
	e.Extensions = out
}

// Attributes are the filterable extension attributes that a decision gives an event. Empty ones are left out.
type Attributes struct {
	Region     string
	Industry   string
	Stage      string
	Instrument string
	AmountWan  int32
	Currency   string
}
