package main

import (
	"encoding/json"
	"iter"

	"github.com/jieli-bus/jieli/tools/rows"
	"github.com/jieli-bus/jieli/tools/sample"
)

// market is the sample that the demo starts with: enterprises with profiles and titles, institutions and offers.
type market struct {
	seed                         uint64
	enterprises, parties, offers int
}

func marketOf(seed uint64, enterprises, parties, offers int) rows.Source {
	return market{seed, enterprises, parties, offers}
}

func (m market) Size() int { return 3*m.enterprises + m.parties + m.offers }

func (m market) Kinds() []rows.Kind {
	return []rows.Kind{rows.Enterprise, rows.Party, rows.Profile, rows.Title, rows.Offer}
}

func (m market) Rows() iter.Seq2[*rows.Row, error] {
	return func(yield func(*rows.Row, error) bool) {
		send := func(kind rows.Kind, id string, payload any) bool {
			data, err := json.Marshal(payload)
			return yield(&rows.Row{File: "sample", Kind: kind, ID: id, Data: data}, err)
		}
		for i := range m.enterprises {
			e := sample.Enterprise(m.seed, i)
			if !send(rows.Enterprise, "", e) || !send(rows.Profile, e.ID, sample.EnterpriseProfile(m.seed, i)) {
				return
			}
			for _, t := range sample.EnterpriseTitles(m.seed, i) {
				if !send(rows.Title, e.ID, t) {
					return
				}
			}
		}
		for p := range sample.Parties(m.seed, m.parties) {
			if !send(rows.Party, "", p) {
				return
			}
		}
		for o := range sample.Offers(m.seed, m.offers, m.parties) {
			if !send(rows.Offer, "", o) {
				return
			}
		}
	}
}
