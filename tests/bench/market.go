package main

import (
	"bytes"
	"fmt"
	"iter"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/sample"
)

// seed of everything that is generated.
const seed = 1

// enterprises are the registrations of the first n sample enterprises.
func enterprises(n int) iter.Seq2[command, error] {
	return func(yield func(command, error) bool) {
		for e := range sample.Enterprises(seed, n) {
			if !yield(newCommand(events.TypeRegisterEnterprise, e.ID, e)) {
				return
			}
		}
	}
}

func parties(n int) iter.Seq2[command, error] {
	return func(yield func(command, error) bool) {
		for p := range sample.Parties(seed, n) {
			if !yield(newCommand(events.TypeRegisterParty, p.ID, p)) {
				return
			}
		}
	}
}

// details are what is known of the first n enterprises: profiles, and the titles that still run.
func details(n int) iter.Seq2[command, error] {
	today := events.DateOf(time.Now())
	return func(yield func(command, error) bool) {
		for i := range n {
			id := sample.Enterprise(seed, i).ID
			if !yield(newCommand(events.TypeProfileEnterprise, id, sample.EnterpriseProfile(seed, i))) {
				return
			}
			for _, t := range sample.EnterpriseTitles(seed, i) {
				if !today.Before(t.ValidTo) {
					continue
				}
				if !yield(newCommand(events.TypeTitleEnterprise, id, t)) {
					return
				}
			}
		}
	}
}

func offers(n, parties int) iter.Seq2[command, error] {
	return func(yield func(command, error) bool) {
		for o := range sample.Offers(seed, n, parties) {
			if !yield(newCommand(events.TypePublishOffer, o.ID, o)) {
				return
			}
		}
	}
}

// mould makes any number of commands from generated ones without generating anew: only the entity's id differs.
type mould struct {
	typ            string
	before, behind [][]byte
}

// castDemands and castOffers make moulds of different sample rows.
func castDemands(n, enterprises int) (*mould, error) {
	m := &mould{typ: events.TypePublishDemand}
	for d := range sample.Demands(seed, n, enterprises) {
		if err := m.add(d.ID, d); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func castOffers(n, parties int) (*mould, error) {
	m := &mould{typ: events.TypePublishOffer}
	for o := range sample.Offers(seed, n, parties) {
		if err := m.add(o.ID, o); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *mould) add(id string, payload any) error {
	c, err := newCommand(m.typ, id, payload)
	if err != nil {
		return err
	}
	before, behind, ok := bytes.Cut(c.data, []byte(`"`+id+`"`))
	if !ok {
		return fmt.Errorf("%s does not hold its id %s", c.data, id)
	}
	m.before, m.behind = append(m.before, before), append(m.behind, behind)
	return nil
}

// command is number n, of an entity with this id.
func (m *mould) command(n uint64, id string) command {
	i := n % uint64(len(m.before))
	data := make([]byte, 0, len(m.before[i])+len(m.behind[i])+len(id)+2)
	data = append(data, m.before[i]...)
	data = append(data, '"')
	data = append(data, id...)
	data = append(data, '"')
	return command{m.typ, id, append(data, m.behind[i]...)}
}
