// Package rows reads files of entities, one row at a time: JSON Lines and CSV, UTF-8 with or without a byte order mark and
// GB18030. A row that cannot be read is a row with a Problem, never the end of the file: the caller reports it, writes the
// original to the file of refused rows, and goes on.
package rows

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/jieli-bus/jieli/events"
)

// Kind is what a row creates or adds to.
type Kind string

// Kinds of rows. Profiles and titles belong to an enterprise that the row names.
const (
	Enterprise Kind = "enterprise"
	Party      Kind = "party"
	Profile    Kind = "profile"
	Title      Kind = "title"
	Offer      Kind = "offer"
	Demand     Kind = "demand"
)

// Phases is the order in which kinds are entered: what others refer to comes first.
var Phases = [][]Kind{{Enterprise, Party}, {Profile, Title}, {Offer}, {Demand}}

// ParseKind reads a kind in its singular or plural form.
func ParseKind(s string) (Kind, bool) {
	switch s {
	case "enterprise", "enterprises":
		return Enterprise, true
	case "party", "parties":
		return Party, true
	case "offer", "offers":
		return Offer, true
	case "demand", "demands":
		return Demand, true
	case "profile", "profiles":
		return Profile, true
	case "title", "titles":
		return Title, true
	}
	return "", false
}

// Path is where the row's payload is posted.
func (r *Row) Path() string {
	switch r.Kind {
	case Enterprise:
		return "/v1/enterprises"
	case Party:
		return "/v1/parties"
	case Offer:
		return "/v1/offers"
	case Demand:
		return "/v1/demands"
	default:
		return "/v1/enterprises/" + r.ID + "/" + string(r.Kind)
	}
}

// Row is one row of a source.
type Row struct {
	File string
	Line int // 1 is the first line; 0: the row was put together from several lines
	Kind Kind
	ID   string // the enterprise, for profiles and titles
	Data []byte // the payload, JSON

	Header  []string // of the CSV file it stood in, nil otherwise
	Record  []string // as it stood there
	Problem *events.Problem
}

// Key is the idempotency key of the row: the same content gives the same key, so that importing a file again doubles nothing.
func (r *Row) Key() string {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(r.Kind), []byte(r.ID), r.Data} {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return "import-" + string(r.Kind) + "-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// Source is a file or a folder of rows. Rows may be ranged over several times and yields the same each time; the error is one
// that ends the reading.
type Source interface {
	Rows() iter.Seq2[*Row, error]
	Kinds() []Kind // that it may hold
	Size() int     // rows, about; 0: not known
}

// complete gives an offer or demand without an id one that follows from its content, and checks that a row of another kind says
// what it belongs to.
func (r *Row) complete() {
	if r.Problem != nil {
		return
	}
	switch r.Kind {
	case Offer, Demand:
		var fields map[string]json.RawMessage // a struct would take "ID" for "id", and an id of null for none
		if json.Unmarshal(r.Data, &fields) != nil {
			return
		}
		if _, named := fields["id"]; !named {
			sum := sha256.Sum256(r.Data)
			r.Data = withID(r.Data, "import-"+hex.EncodeToString(sum[:12]))
		}
	case Profile, Title:
		if !events.ValidID(r.ID) {
			r.Problem = events.ErrID.Refuse("/id", "该行须以 id 指明所属企业", "the row must name its enterprise in id")
		}
	}
}

// withID puts an id in front of an object's members.
func withID(object []byte, id string) []byte {
	rest := bytes.TrimLeft(object, " \t\r\n")
	if len(rest) == 0 || rest[0] != '{' {
		return object
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n")
	out := append([]byte(`{"id":"`), id...)
	out = append(out, '"')
	if len(rest) > 0 && rest[0] != '}' {
		out = append(out, ',')
	}
	return append(out, rest...)
}

// Wants reports whether kinds hold k; none means all.
func Wants(kinds []Kind, k Kind) bool { return len(kinds) == 0 || slices.Contains(kinds, k) }
