package matcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Errors of Reactor.Apply. Each means that what the reactor holds can no longer be trusted to be the fold of the ledgers: stop
// feeding it, and build another from the beginning.
var (
	ErrGap     = errors.New("matcher: an event is missing from the feed")
	ErrFull    = errors.New("matcher: more open demands or offers than the limit")
	ErrPayload = errors.New("matcher: the payload is not of its type")
)

// Origin is where a fact stands: a partition's ledger and the commit in it.
type Origin struct {
	Context   string
	Partition int
	Sequence  uint64
}

func (o Origin) String() string {
	return o.Context + "." + strconv.Itoa(o.Partition) + ":" + strconv.FormatUint(o.Sequence, 10)
}

// Limits bound what a reactor holds; 0 means the default.
type Limits struct {
	DemandsMax int // open demands, default 2,000,000
	OffersMax  int // offers neither withdrawn, expired nor exhausted, default 2,000,000
}

// Reactor follows the ledgers of demands, offers, parties and matches, keeps the index of offers and the open demands, and asks for
// a recommendation for each new or changed demand. While it catches up it asks for nothing: what history has already answered
// must not be asked again. After CaughtUp, Pending gives what history left unanswered, and Apply answers as it goes.
//
// Apply, Advance, CaughtUp, Pending and Return are for one caller at a time, the feeder; everything else may run beside it.
type Reactor struct {
	index  Index
	rules  *RuleSets
	limits Limits

	mu        sync.RWMutex
	bonds     map[string]*Demand // applications that look for no underwriter, by id; those that do are among the index's demands
	answered  map[string]uint64  // demand -> newest version of its terms that is recommended for or asked about
	suspended map[string]bool
	read      map[ledgerOf]uint64
	latest    time.Time // newest time of an event: the reactor has no other clock
	caughtUp  bool
	queue     []string // demands that may be unanswered
	tending   tending
}

type ledgerOf struct {
	context   string
	partition int
}

// NewReactor makes a reactor that has read nothing.
func NewReactor(index Index, rules *RuleSets, limits Limits) *Reactor {
	if limits.DemandsMax == 0 {
		limits.DemandsMax = 2_000_000
	}
	if limits.OffersMax == 0 {
		limits.OffersMax = 2_000_000
	}
	return &Reactor{
		index: index, rules: rules, limits: limits,
		bonds: make(map[string]*Demand), answered: make(map[string]uint64), suspended: make(map[string]bool), read: make(map[ledgerOf]uint64),
		tending: newTending(),
	}
}

// Follows lists the contexts whose ledgers a reactor must be fed, each partition in its order, the partitions in any.
func Follows() []string { return []string{"party", "offer", "demand", "bond", Context} }

// Apply takes one event in. A commit that is fed again, in whole, changes nothing. The command, if any, asks for a
// recommendation: give it to the match context, and repeat it under the same id until there is an answer.
func (r *Reactor) Apply(at Origin, e *step.Applied) (*step.Command, error) {
	r.mu.Lock()
	ledger := ledgerOf{at.Context, at.Partition}
	if at.Sequence < r.read[ledger] {
		r.mu.Unlock()
		return nil, nil
	}
	err := r.apply(at.Context, e)
	if err != nil {
		r.mu.Unlock()
		return nil, fmt.Errorf("%w: %s %s version %d at %s", err, e.Type, e.Subject, e.Version, at)
	}
	r.read[ledger] = at.Sequence
	if e.Time.After(r.latest) {
		r.latest = e.Time
	}
	var ask *Demand
	if needs(at.Context) && r.caughtUp {
		ask = r.ask(e.Subject)
	}
	asOf, positions := r.latest, r.positions()
	r.mu.Unlock()
	if ask == nil {
		return nil, nil
	}
	return r.recommend(ask, asOf, positions), nil
}

// Advance notes a commit without events, so that positions tell how far the reactor has read.
func (r *Reactor) Advance(at Origin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ledger := ledgerOf{at.Context, at.Partition}
	r.read[ledger] = max(r.read[ledger], at.Sequence)
}

// CaughtUp says that history has been fed, of every context of Follows.
func (r *Reactor) CaughtUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caughtUp = true
	for id := range r.answered {
		if _, open := r.index.DemandStanding(id); !open {
			delete(r.answered, id) // closed long ago
		}
	}
	r.queue = r.queue[:0]
	r.index.EachDemand(func(d HeldDemand) bool {
		if d.Standing.TermsVersion > r.answered[d.ID] {
			r.queue = append(r.queue, d.ID)
		}
		return true
	})
	slices.Sort(r.queue)
	r.tendHistory()
}

// Pending gives commands for at most limit demands that nobody has been asked about, as of now. None: there is nothing left.
func (r *Reactor) Pending(now time.Time, limit int) []*step.Command {
	var commands []*step.Command
	for len(commands) < limit {
		r.mu.Lock()
		if len(r.queue) == 0 {
			r.mu.Unlock()
			break
		}
		d := r.ask(r.queue[0])
		r.queue = r.queue[1:]
		asOf, positions := r.latest, r.positions()
		r.mu.Unlock()
		if now.After(asOf) {
			asOf = now
		}
		if d != nil {
			commands = append(commands, r.recommend(d, asOf, positions))
		}
	}
	return commands
}

// Return gives back a command that surely was not done (overloaded); Pending will make another for that demand under the same id.
func (r *Reactor) Return(c *step.Command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked, ok := c.Data.(*events.Recommendation)
	if !ok || asked.Refresh != nil {
		r.tending.forget(c, true)
		return
	}
	d, open := r.index.DemandStanding(asked.Demand)
	if open && r.answered[asked.Demand] == asked.DemandVersion && d.TermsVersion == asked.DemandVersion {
		r.answered[asked.Demand] = asked.DemandVersion - 1
		r.queue = append(r.queue, asked.Demand)
	}
}

// Demand finds an open demand.
func (r *Reactor) Demand(id string) (*Demand, bool) { return r.index.Demand(id) }

// Positions tells how far each ledger has been read, as "offer.0:1234", in order. The match ledger is left out: nothing is ranked by it.
func (r *Reactor) Positions() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.positions()
}

func (r *Reactor) positions() []string {
	at := make([]Origin, 0, len(r.read))
	for l, sequence := range r.read {
		if l.context != Context {
			at = append(at, Origin{l.context, l.partition, sequence})
		}
	}
	slices.SortFunc(at, func(a, b Origin) int {
		if a.Context != b.Context {
			if a.Context < b.Context {
				return -1
			}
			return 1
		}
		return a.Partition - b.Partition
	})
	out := make([]string, len(at))
	for i, o := range at {
		out[i] = o.String()
	}
	return out
}

// OpenDemands is the number of open demands.
func (r *Reactor) OpenDemands() int { return r.index.Demands() }

// ask gives an open demand that is to be recommended for, and notes that it is asked about; nil where there is nothing to ask.
func (r *Reactor) ask(id string) *Demand {
	s, open := r.index.DemandStanding(id)
	if !open || s.TermsVersion <= r.answered[id] {
		return nil
	}
	d, _ := r.index.Demand(id)
	r.answered[id] = s.TermsVersion
	return d
}

func (r *Reactor) apply(context string, e *step.Applied) error {
	switch context {
	case "demand":
		return r.applyDemand(e)
	case "bond":
		return r.applyBond(e)
	case "offer":
		before, _ := r.index.OfferStanding(e.Subject)
		if err := r.applyOffer(e); err != nil {
			return err
		}
		r.offerChanged(e, before)
	case "party":
		r.applyParty(e)
	case Context:
		if found, ok := e.Data.(*events.LeadsFound); ok {
			r.tending.leadsFound(found, r.caughtUp)
			return nil
		}
		recommended, ok := e.Data.(*events.Recommendation)
		if !ok {
			return ErrPayload
		}
		if _, open := r.index.DemandStanding(e.Subject); r.caughtUp && !open && len(r.answered) > 2*r.index.Demands()+1024 {
			return nil // of a closed demand, most likely; at worst a second command for it, which the match context ignores
		}
		r.answered[e.Subject] = max(r.answered[e.Subject], recommended.DemandVersion)
		r.tending.recommended(recommended)
	}
	return nil
}

// next reports whether an event is the one after the version held. Older ones have been applied.
func next(held uint64, e *step.Applied) (bool, error) {
	if e.Version > held+1 {
		return false, ErrGap
	}
	return e.Version == held+1, nil
}

func (r *Reactor) applyDemand(e *step.Applied) error {
	s, open := r.index.DemandStanding(e.Subject)
	if !open {
		published, ok := e.Data.(*events.DemandPublished)
		switch {
		case e.Type != events.TypeDemandPublished:
			return nil // of one that is closed
		case !ok:
			return ErrPayload
		case r.index.Demands() >= r.limits.DemandsMax:
			return ErrFull
		}
		r.index.PutDemand(NewDemand(published, e.Version))
		return nil
	}
	if fresh, err := next(s.Version, e); !fresh {
		return err
	}
	switch e.Type {
	case events.TypeDemandWithdrawn, events.TypeDemandExpired, events.TypeDemandFulfilled:
		r.index.RemoveDemand(e.Subject)
		delete(r.answered, e.Subject)
		delete(r.tending.records, e.Subject)
		return nil
	}
	switch f := e.Data.(type) {
	case *events.DemandAmended:
		d, _ := r.index.Demand(e.Subject)
		r.index.PutDemand(d.Amended(f, e.Version))
		return nil
	case *events.Hold:
		s = s.after(e.Version, f.Amount.Minor, 0)
	case *events.DemandHoldReleased:
		s = s.after(e.Version, -f.Amount.Minor, 0)
	case *events.DemandFilled:
		s = s.after(e.Version, -f.Amount.Minor-f.Released.Minor, f.Amount.Minor)
	default:
		s.Version = e.Version // what a newer release wrote: only the version moves
	}
	r.index.StandDemand(e.Subject, s)
	return nil
}

func (r *Reactor) applyOffer(e *step.Applied) error {
	s, held := r.index.OfferStanding(e.Subject)
	if !held {
		published, ok := e.Data.(*events.OfferPublished)
		switch {
		case e.Type != events.TypeOfferPublished:
			return nil
		case !ok:
			return ErrPayload
		case r.index.Offers() >= r.limits.OffersMax:
			return ErrFull
		}
		r.putOffer(NewOffer(published, e.Version))
		return nil
	}
	if fresh, err := next(s.Version, e); !fresh {
		return err
	}
	switch e.Type {
	case events.TypeOfferWithdrawn, events.TypeOfferExpired, events.TypeOfferExhausted:
		r.index.RemoveOffer(e.Subject)
		return nil
	}
	if f, ok := e.Data.(*events.OfferAmended); ok {
		o, _ := r.index.Offer(e.Subject)
		r.putOffer(o.Amended(f, e.Version))
		return nil
	}
	s.Version = e.Version
	switch f := e.Data.(type) {
	case *events.Reserve:
		s.Reserved += f.Amount.Minor
	case *events.CapacityReleased:
		s.Reserved -= f.Amount.Minor
	case *events.CapacityCommitted:
		s.Reserved -= f.Amount.Minor + f.Released.Minor
		s.Committed += f.Amount.Minor
	default:
		switch e.Type {
		case events.TypeOfferPaused:
			s.Paused = true
		case events.TypeOfferResumed:
			s.Paused = false
		}
	}
	r.index.StandOffer(e.Subject, s)
	return nil
}

// putOffer stores an offer as its institution's standing has it, whichever ledger was read first.
func (r *Reactor) putOffer(o *Offer) {
	if r.suspended[o.Party] && !o.Suspended {
		s := o.OfferStanding
		s.Suspended = true
		o = o.standing(s)
	}
	r.index.PutOffer(o)
}

// applyParty suspends and reinstates every offer of an institution.
func (r *Reactor) applyParty(e *step.Applied) {
	switch e.Type {
	case events.TypePartySuspended:
		r.suspended[e.Subject] = true
	case events.TypePartyReinstated:
		delete(r.suspended, e.Subject)
	default:
		return
	}
	for _, id := range r.index.OffersOf(e.Subject) {
		s, _ := r.index.OfferStanding(id)
		s.Suspended = r.suspended[e.Subject]
		r.index.StandOffer(id, s)
		if s.Suspended {
			r.tending.fell(id)
		} else {
			r.tending.stirred[id] = struct{}{}
		}
	}
}

// recordedPositionsMax is the contract's bound.
const recordedPositionsMax = 64

// recommend ranks the offers for a demand and words the command that records it. The id derives from the demand and its version:
// asked twice it is one command.
func (r *Reactor) recommend(d *Demand, asOf time.Time, positions []string) *step.Command {
	ranked, eligible := r.index.Top(d, asOf, RecommendedMax)
	day := events.DateOf(asOf)
	recommendation := &events.Recommendation{
		Demand: d.ID, DemandVersion: d.TermsVersion, Enterprise: d.Enterprise, Region: d.Region, Industry: d.Industry, Stage: d.Facts.Stage,
		Amount: d.Terms.Amount, Offers: make([]events.RankedOffer, len(ranked)), Eligible: eligible,
		RuleSet: r.rules.At(day).ID, AsOf: day, Positions: recorded(positions),
	}
	if len(d.instruments) > 0 {
		recommendation.Instrument = d.instruments[0]
	}
	for i, p := range ranked {
		recommendation.Offers[i] = events.RankedOffer{
			Offer: p.ID, Version: p.Version, Party: p.Party, Instrument: p.Instrument, Score: p.Score,
		}
	}
	fit(recommendation)
	return &step.Command{
		ID:      events.DeriveUUID("recommend", d.ID, strconv.FormatUint(d.TermsVersion, 10)),
		Type:    events.TypeRecommend,
		Subject: d.ID,
		Actor:   step.System,
		Data:    recommendation,
	}
}

// fit drops the last places until the payload is within its bound. With ids of up to 40 characters all 20 stay; what is left is
// always the head of the exact ranking, and Eligible tells that there is more.
func fit(r *events.Recommendation) {
	for len(r.Offers) > 0 {
		if b, err := json.Marshal(r); err == nil && len(b) <= recommendationBytesMax {
			return
		}
		r.Offers = r.Offers[:len(r.Offers)-1]
	}
}
