package sample

import (
	"fmt"
	"strconv"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// partyWord ends an institution's name.
var partyWord = map[string]string{
	"bank": "科技银行", "vc": "创业投资", "pe": "股权投资", "angel": "天使投资", "insurer": "科技保险", "guarantor": "融资担保",
	"leasing": "融资租赁", "aic": "金融资产投资", "underwriter": "证券",
}

// PartyID is the id of sample institution i.
func PartyID(seed uint64, i int) string {
	return fmt.Sprintf("sample-%s-%06d", partyKind(seed, i), i+1)
}

func partyKind(seed uint64, i int) string { return newDraw(seed, streamParty, i).mix(partyMix) }

// Party is row i of the sample institutions (示例机构), with the first licence that its kind works under.
func Party(seed uint64, i int) events.RegisterParty {
	d := newDraw(seed, streamParty, i)
	kind := d.mix(partyMix) // first draw: partyKind repeats it
	region := d.region()
	entry, _ := codes.PartyKind(kind) // a test holds partyMix to the list
	return events.RegisterParty{
		ID:     PartyID(seed, i),
		Kind:   kind,
		Name:   d.pick(brands) + partyWord[kind] + "（示例" + strconv.Itoa(i+1) + "）",
		USCC:   uscc(seed, streamParty, i, region),
		Region: region,
		Licences: []events.Licence{{
			Licence:   entry.Licences[0],
			Number:    fmt.Sprintf("示例-%06d", i+1),
			ValidFrom: day(-d.between(400, 4_000)),
		}},
	}
}
