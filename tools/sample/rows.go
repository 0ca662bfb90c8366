package sample

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/jieli-bus/jieli/events"
)

// Kinds that Write knows. profiles, titles and all are lines of {"kind":…,"id":…,"data":…}; the others are one create payload a line.
var Kinds = []string{"enterprises", "parties", "offers", "demands", "profiles", "titles", "all"}

// Config says what to generate. Offers belong to the first Parties institutions and demands to the first Enterprises
// enterprises of the same seed; 0 takes max(1, Rows/8) and Rows.
type Config struct {
	Seed        uint64
	Rows        int // 0 to 100,000,000
	Enterprises int
	Parties     int
}

func (c Config) setDefaults() Config {
	if c.Enterprises <= 0 {
		c.Enterprises = max(1, c.Rows)
	}
	if c.Parties <= 0 {
		c.Parties = max(1, c.Rows/8)
	}
	return c
}

// Enterprises yields the first n enterprises.
func Enterprises(seed uint64, n int) iter.Seq[events.RegisterEnterprise] {
	return rows(n, func(i int) events.RegisterEnterprise { return Enterprise(seed, i) })
}

// Parties yields the first n institutions.
func Parties(seed uint64, n int) iter.Seq[events.RegisterParty] {
	return rows(n, func(i int) events.RegisterParty { return Party(seed, i) })
}

// Offers yields the first n offers of the first parties institutions.
func Offers(seed uint64, n, parties int) iter.Seq[events.PublishOffer] {
	return rows(n, func(i int) events.PublishOffer { return Offer(seed, i, parties) })
}

// Demands yields the first n demands of the first enterprises enterprises.
func Demands(seed uint64, n, enterprises int) iter.Seq[events.PublishDemand] {
	return rows(n, func(i int) events.PublishDemand { return Demand(seed, i, enterprises) })
}

func rows[T any](n int, row func(i int) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range n {
			if !yield(row(i)) {
				return
			}
		}
	}
}

// Wrapped is a line that says what it is, for files of mixed kinds. ID is the enterprise that a profile or title belongs to.
type Wrapped struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
	Data any    `json:"data"`
}

// Write writes the rows of a kind as JSON Lines.
func Write(w io.Writer, kind string, c Config) error {
	c = c.setDefaults()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	switch kind {
	case "enterprises":
		return encode(enc, Enterprises(c.Seed, c.Rows))
	case "parties":
		return encode(enc, Parties(c.Seed, c.Rows))
	case "offers":
		return encode(enc, Offers(c.Seed, c.Rows, c.Parties))
	case "demands":
		return encode(enc, Demands(c.Seed, c.Rows, c.Enterprises))
	case "profiles":
		return encode(enc, profiles(c.Seed, c.Rows))
	case "titles":
		return encode(enc, titles(c.Seed, c.Rows))
	case "all":
		return encode(enc, All(c))
	}
	return fmt.Errorf("sample: unknown kind %q", kind)
}

func encode[T any](enc *json.Encoder, seq iter.Seq[T]) error {
	for row := range seq {
		if err := enc.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

func profiles(seed uint64, n int) iter.Seq[Wrapped] {
	return rows(n, func(i int) Wrapped { return Wrapped{"profile", Enterprise(seed, i).ID, EnterpriseProfile(seed, i)} })
}

func titles(seed uint64, n int) iter.Seq[Wrapped] {
	return func(yield func(Wrapped) bool) {
		for i := range n {
			id := Enterprise(seed, i).ID
			for _, t := range EnterpriseTitles(seed, i) {
				if !yield(Wrapped{"title", id, t}) {
					return
				}
			}
		}
	}
}

// All yields a whole market in the order it must be entered: Rows enterprises with profiles and titles, Parties
// institutions, Rows offers and Rows demands.
func All(c Config) iter.Seq[Wrapped] {
	c = c.setDefaults()
	return func(yield func(Wrapped) bool) {
		_ = each(Enterprises(c.Seed, c.Rows), "enterprise", yield) &&
			each(Parties(c.Seed, c.Parties), "party", yield) &&
			pass(profiles(c.Seed, c.Rows), yield) &&
			pass(titles(c.Seed, c.Rows), yield) &&
			each(Offers(c.Seed, c.Rows, c.Parties), "offer", yield) &&
			each(Demands(c.Seed, c.Rows, min(c.Enterprises, c.Rows)), "demand", yield)
	}
}

func each[T any](seq iter.Seq[T], kind string, yield func(Wrapped) bool) bool {
	for v := range seq {
		if !yield(Wrapped{Kind: kind, Data: v}) {
			return false
		}
	}
	return true
}

func pass(seq iter.Seq[Wrapped], yield func(Wrapped) bool) bool {
	for v := range seq {
		if !yield(v) {
			return false
		}
	}
	return true
}
