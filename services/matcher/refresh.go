package matcher

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// tending is what keeps recommendations up with offers that change after them: which demands to look at again, which offers' leads
// are not found yet. A change of an offer stirs its best demands (at most RecommendedMax), and those on whose list it stood; so what
// one offer can set off is bounded, and Tend's caller bounds how much of it is worked off at a time. Several changes that stir
// one demand make one refresh, which names the ranges of causes it takes in.
//
// What a kill forgets is found again: offers without leads of their newest version, demands on whose list an offer no longer
// stands, and demands that recorded leads name but whose recommendation had not read so far.
type tending struct {
	records map[string]*standingRecord // by demand: what stands in the ledger
	due     map[string]uint64          // offer -> version whose leads are not found
	finding map[string]uint64          // offer -> version whose leads are asked for
	found   map[string]uint64          // offer -> newest version whose leads are found; until the reactor has caught up
	owed    map[string][]covered       // demand -> what its recommendation must have read, as recorded leads tell; likewise
	stirred map[string]struct{}        // offers that came back, whose demands are to be looked at
	gone    map[uint32]struct{}        // offers that ended or fell away
	dirty   map[string]int             // demand -> how much its ranking may gain
	numbers map[string]uint32          // offers as small numbers
	names   []string                   // and back
	owns    func(id string) bool       // nil: everything
}

// standingRecord is a recommendation in the ledger, as far as a refresh must know it.
type standingRecord struct {
	version, refresh uint64
	covered          []covered // of the ledgers of offers and parties
	offers           []held
	asked            bool // a refresh is under way
}

type covered struct {
	ledger   ledgerOf
	sequence uint64
}

type held struct {
	offer uint32
	score int32
}

func newTending() tending {
	return tending{
		records: make(map[string]*standingRecord), due: make(map[string]uint64), finding: make(map[string]uint64), found: make(map[string]uint64),
		owed: make(map[string][]covered), stirred: make(map[string]struct{}), gone: make(map[uint32]struct{}), dirty: make(map[string]int),
		numbers: make(map[string]uint32),
	}
}

// causes are the contexts whose events change what a demand is ranked from.
func causes(context string) bool { return context == "offer" || context == "party" }

func (t *tending) number(offer string) uint32 {
	n, ok := t.numbers[offer]
	if !ok {
		n = uint32(len(t.names))
		offer = strings.Clone(offer)
		t.numbers[offer] = n
		t.names = append(t.names, offer)
	}
	return n
}

// wants counts a stirred demand: how many points its ranking may gain.
func (t *tending) wants(demand string, gain int) {
	if have, ok := t.dirty[demand]; !ok || gain > have {
		t.dirty[demand] = gain
	}
}

// recommended notes what the match ledger says of a demand.
func (t *tending) recommended(r *events.Recommendation) {
	have := t.records[r.Demand]
	if have != nil && r.DemandVersion < have.version {
		return
	}
	next := &standingRecord{version: r.DemandVersion, covered: coveredBy(r.Positions), offers: make([]held, len(r.Offers))}
	if r.Refresh != nil {
		next.refresh = r.Refresh.Number
	}
	for i, o := range r.Offers {
		next.offers[i] = held{t.number(o.Offer), int32(o.Score)}
	}
	t.records[r.Demand] = next
}

func coveredBy(positions []string) []covered {
	var list []covered
	for l, sequence := range sequences(positions) {
		if causes(l.context) {
			list = append(list, covered{l, sequence})
		}
	}
	return list
}

// leadsFound notes what the match ledger says of an offer's leads.
func (t *tending) leadsFound(l *events.LeadsFound, caughtUp bool) {
	delete(t.finding, l.Offer)
	if t.due[l.Offer] <= l.OfferVersion {
		delete(t.due, l.Offer)
	}
	if caughtUp {
		return
	}
	t.found[l.Offer] = max(t.found[l.Offer], l.OfferVersion)
	read := coveredBy(l.Positions)
	for _, lead := range l.Leads {
		t.owed[lead.Demand] = later(t.owed[lead.Demand], read)
	}
}

// later is the higher position of each ledger.
func later(a, b []covered) []covered {
	for _, c := range b {
		i := slices.IndexFunc(a, func(x covered) bool { return x.ledger == c.ledger })
		if i < 0 {
			a = append(a, c)
			continue
		}
		a[i].sequence = max(a[i].sequence, c.sequence)
	}
	return a
}

// offerChanged notes what an event of an offer, just applied, sets off.
func (r *Reactor) offerChanged(e *step.Applied, before OfferStanding) {
	t := &r.tending
	after, there := r.index.OfferStanding(e.Subject)
	if after.Version == before.Version && there {
		return // read before
	}
	switch e.Type {
	case events.TypeOfferPublished:
		t.due[e.Subject] = e.Version
	case events.TypeOfferAmended:
		t.due[e.Subject] = e.Version
		t.fell(e.Subject)
	case events.TypeOfferWithdrawn, events.TypeOfferExpired, events.TypeOfferExhausted:
		delete(t.due, e.Subject)
		delete(t.stirred, e.Subject)
		t.fell(e.Subject)
	case events.TypeOfferPaused:
		t.fell(e.Subject)
	case events.TypeOfferResumed:
		t.stirred[e.Subject] = struct{}{}
	case events.TypeCapacityReserved, events.TypeCapacityReleased, events.TypeCapacityCommitted:
		// What is left of a capacity is news when it falls below the smallest ticket or rises above it; in between the offer's own
		// fold decides, and a read is fresh.
		if _, listed := t.numbers[e.Subject]; !listed && after.Reserved >= before.Reserved {
			return
		}
		o, ok := r.index.Offer(e.Subject)
		if !ok {
			return
		}
		enough := func(s OfferStanding) bool { return o.Terms.Capacity.Minor-s.Reserved-s.Committed >= o.rec.minTicket }
		switch had, has := enough(before), enough(after); {
		case had && !has:
			t.fell(e.Subject)
		case has && !had:
			t.stirred[e.Subject] = struct{}{}
		}
	}
}

// fell notes an offer that no list should hold any more. One that no list holds has no number.
func (t *tending) fell(offer string) {
	if n, ok := t.numbers[offer]; ok {
		t.gone[n] = struct{}{}
	}
}

// forget takes back that a command is under way: again when it surely was not done, else because it was refused.
func (t *tending) forget(c *step.Command, again bool) {
	switch asked := c.Data.(type) {
	case *events.Recommendation:
		if record := t.records[asked.Demand]; record != nil {
			record.asked = false
			if again {
				t.wants(asked.Demand, 0)
			}
		}
	case *events.LeadsFound:
		delete(t.finding, asked.Offer)
		if !again && t.due[asked.Offer] == asked.OfferVersion {
			delete(t.due, asked.Offer)
		}
	}
}

// Drop tells of a command that was refused: it is not given again.
func (r *Reactor) Drop(c *step.Command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tending.forget(c, false)
}

// tendHistory finds what history left undone.
func (r *Reactor) tendHistory() {
	t := &r.tending
	for offer, version := range t.found {
		if t.due[offer] <= version {
			delete(t.due, offer)
		}
	}
	for demand, owed := range t.owed {
		if record := t.records[demand]; record != nil && slices.ContainsFunc(owed, func(o covered) bool { return record.read(o.ledger) < o.sequence }) {
			t.wants(demand, 0)
		}
	}
	t.found, t.owed = nil, nil
	clear(t.gone)
	for n, offer := range t.names {
		if s, ok := r.index.OfferStanding(offer); !ok || s.Paused || s.Suspended {
			t.gone[uint32(n)] = struct{}{}
		}
	}
	clear(t.stirred)
	for demand := range t.records {
		if _, open := r.index.DemandStanding(demand); !open {
			delete(t.records, demand)
		}
	}
}

func (c *standingRecord) read(l ledgerOf) uint64 {
	for _, have := range c.covered {
		if have.ledger == l {
			return have.sequence
		}
	}
	return 0
}

// Tend gives commands for at most limit offers whose leads are not found and limit demands whose recommendation a change of offers
// has overtaken, those that gain most first, as of now. Give them like those of Apply. None: nothing is left for now.
func (r *Reactor) Tend(now time.Time, limit int) []*step.Command {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.caughtUp {
		return nil
	}
	asOf := r.latest
	if now.After(asOf) {
		asOf = now
	}
	t := &r.tending
	r.look()
	var commands []*step.Command
	for offer, version := range t.due {
		if len(commands) == limit {
			break
		}
		if t.finding[offer] == version || t.owns != nil && !t.owns(offer) {
			continue
		}
		if s, ok := r.index.OfferStanding(offer); !ok || s.Paused || s.Suspended {
			continue // its leads are found when it is resumed
		}
		o, ok := r.index.Offer(offer)
		if !ok {
			continue
		}
		t.finding[offer] = version
		commands = append(commands, r.findLeads(o, version, asOf))
	}
	looked := 0
	for offer := range t.stirred {
		if looked++; looked > limit {
			break
		}
		delete(t.stirred, offer)
		if o, ok := r.index.Offer(offer); ok {
			for _, lead := range r.index.BestLeads(o, asOf, RecommendedMax) {
				r.stir(lead.ID, lead.Score, offer)
			}
		}
	}
	return append(commands, r.refreshes(asOf, limit)...)
}

// look marks the demands on whose lists an offer no longer stands: all lists are gone over once, however many offers fell.
func (r *Reactor) look() {
	t := &r.tending
	if len(t.gone) == 0 {
		return
	}
	for demand, record := range t.records {
		for place, h := range record.offers {
			if _, gone := t.gone[h.offer]; gone {
				t.wants(demand, RecommendedMax*10-place) // an offer that is gone misleads more than one that is missing
				break
			}
		}
	}
	clear(t.gone)
}

// stir marks a demand on whose list an offer may come to stand, or stand elsewhere.
func (r *Reactor) stir(demand string, score int, offer string) {
	t := &r.tending
	record := t.records[demand]
	if record == nil {
		t.wants(demand, 0) // its recommendation is under way
		return
	}
	n, known := t.numbers[offer]
	stands := known && slices.ContainsFunc(record.offers, func(h held) bool { return h.offer == n })
	switch {
	case stands:
		t.wants(demand, 1)
	case len(record.offers) < RecommendedMax:
		t.wants(demand, RecommendedMax*10)
	case score >= int(record.offers[len(record.offers)-1].score):
		t.wants(demand, score-int(record.offers[len(record.offers)-1].score)+1)
	}
}

// refreshes ranks the demands anew that gain most.
func (r *Reactor) refreshes(asOf time.Time, limit int) []*step.Command {
	t := &r.tending
	type candidate struct {
		demand string
		gain   int
	}
	var list []candidate
	for demand, gain := range t.dirty {
		s, open := r.index.DemandStanding(demand)
		record := t.records[demand]
		switch {
		case !open || t.owns != nil && !t.owns(demand):
			delete(t.dirty, demand)
		case record == nil || record.version < s.TermsVersion || record.asked: // later: something is under way
		default:
			list = append(list, candidate{demand, gain})
		}
	}
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.gain, a.gain), strings.Compare(a.demand, b.demand))
	})
	var commands []*step.Command
	for _, c := range list[:min(len(list), limit)] {
		delete(t.dirty, c.demand)
		d, ok := r.index.Demand(c.demand)
		if !ok {
			continue
		}
		if command := r.refresh(d, t.records[c.demand], asOf); command != nil {
			t.records[c.demand].asked = true
			commands = append(commands, command)
		}
	}
	return commands
}

// refresh words the command for a demand whose ranking is not what is on record; nil when it still is.
func (r *Reactor) refresh(d *Demand, record *standingRecord, asOf time.Time) *step.Command {
	t := &r.tending
	command := r.recommend(d, asOf, r.positions())
	fresh, ok := command.Data.(*events.Recommendation)
	if !ok {
		return nil
	}
	same := slices.EqualFunc(fresh.Offers, record.offers, func(o events.RankedOffer, h held) bool {
		return t.names[h.offer] == o.Offer && int(h.score) == o.Score
	})
	fresh.Refresh = &events.Refresh{Number: record.refresh + 1}
	for l, sequence := range sequences(fresh.Positions) {
		if have := record.read(l); causes(l.context) && sequence > have {
			fresh.Refresh.Causes = append(fresh.Refresh.Causes, events.CauseRange{
				From: Origin{l.context, l.partition, have + 1}.String(), To: Origin{l.context, l.partition, sequence}.String(),
			})
		}
	}
	if same || len(fresh.Refresh.Causes) == 0 {
		return nil
	}
	slices.SortFunc(fresh.Refresh.Causes, func(a, b events.CauseRange) int { return strings.Compare(a.From, b.From) })
	fit(fresh)
	command.ID = events.DeriveUUID("refresh", d.ID, strconv.FormatUint(d.TermsVersion, 10), strconv.FormatUint(fresh.Refresh.Number, 10))
	return command
}

// findLeads ranks the demands for an offer, stirs them, and words the command that records them.
func (r *Reactor) findLeads(o *Offer, version uint64, asOf time.Time) *step.Command {
	ranked, eligible := r.index.Leads(o, asOf, RecommendedMax)
	day := events.DateOf(asOf)
	found := &events.LeadsFound{
		Offer: o.ID, OfferVersion: version, Party: o.Party, Instrument: o.Terms.Instrument, Leads: []events.RankedDemand{}, Eligible: eligible,
		RuleSet: r.rules.At(day).ID, AsOf: day, Positions: recorded(r.positions()),
	}
	for i := range ranked {
		lead := &ranked[i]
		r.stir(lead.ID, lead.Score, o.ID)
		if lead.Demand().Terms.Confidentiality != keptToItself {
			found.Leads = append(found.Leads, events.RankedDemand{Demand: lead.ID, Version: lead.TermsVersion, Enterprise: lead.Enterprise, Score: lead.Score})
		}
	}
	for len(found.Leads) > 0 {
		if b, err := json.Marshal(found); err == nil && len(b) <= recommendationBytesMax {
			break
		}
		found.Leads = found.Leads[:len(found.Leads)-1]
	}
	return &step.Command{
		ID:      events.DeriveUUID("find_leads", o.ID, strconv.FormatUint(version, 10)),
		Type:    events.TypeFindLeads,
		Subject: LeadsOf(o.ID),
		Actor:   step.System,
		Data:    found,
	}
}

// recorded are the positions that an event keeps: those of offers and parties first where there is not room for all, because the
// next refresh begins behind them.
func recorded(positions []string) []string {
	if len(positions) <= recordedPositionsMax {
		return positions
	}
	kept := slices.Clone(positions)
	slices.SortStableFunc(kept, func(a, b string) int {
		rank := func(s string) int {
			if context, _, _ := strings.Cut(s, "."); causes(context) {
				return 0
			}
			return 1
		}
		return rank(a) - rank(b)
	})
	return kept[:recordedPositionsMax]
}
