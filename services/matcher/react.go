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
	demands   map[string]*Demand // open ones, and bonds that look for an underwriter
	bonds     map[string]*Demand // applications that do not, by id
	answered  map[string]uint64  // demand -> newest version of its terms that is recommended for or asked about
	offersOf  map[string]map[string]struct{}
	suspended map[string]bool
	read      map[ledgerOf]uint64
	latest    time.Time // newest time of an event: the reactor has no other clock
	caughtUp  bool
	queue     []string // demands that may be unanswered
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
		demands: make(map[string]*Demand), bonds: make(map[string]*Demand), answered: make(map[string]uint64), offersOf: make(map[string]map[string]struct{}),
		suspended: make(map[string]bool), read: make(map[ledgerOf]uint64),
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
	if d := r.demands[e.Subject]; needs(at.Context) && r.caughtUp && r.unanswered(d) {
		ask = d
		r.answered[d.ID] = d.TermsVersion
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
		if r.demands[id] == nil {
			delete(r.answered, id) // closed long ago
		}
	}
	r.queue = r.queue[:0]
	for id, d := range r.demands {
		if r.unanswered(d) {
			r.queue = append(r.queue, id)
		}
	}
	slices.Sort(r.queue)
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
		d := r.demands[r.queue[0]]
		r.queue = r.queue[1:]
		asOf, positions := r.latest, r.positions()
		ask := r.unanswered(d)
		if ask {
			r.answered[d.ID] = d.TermsVersion
		}
		r.mu.Unlock()
		if now.After(asOf) {
			asOf = now
		}
		if ask {
			commands = append(commands, r.recommend(d, asOf, positions))
		}
	}
	return commands
}

// Return gives back a command that surely was not done (overloaded); Pending will make another for that demand under the same id.
func (r *Reactor) Return(c *step.Command) {
	asked, ok := c.Data.(*events.Recommendation)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.demands[asked.Demand]; d != nil && r.answered[d.ID] == asked.DemandVersion && d.TermsVersion == asked.DemandVersion {
		r.answered[d.ID] = asked.DemandVersion - 1
		r.queue = append(r.queue, d.ID)
	}
}

// Demand finds an open demand.
func (r *Reactor) Demand(id string) (*Demand, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	d, ok := r.demands[id]
	return d, ok
}

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
func (r *Reactor) OpenDemands() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.demands)
}

func (r *Reactor) unanswered(d *Demand) bool { return d != nil && d.TermsVersion > r.answered[d.ID] }

func (r *Reactor) apply(context string, e *step.Applied) error {
	switch context {
	case "demand":
		return r.applyDemand(e)
	case "bond":
		return r.applyBond(e)
	case "offer":
		return r.applyOffer(e)
	case "party":
		r.applyParty(e)
	case Context:
		recommended, ok := e.Data.(*events.Recommendation)
		if !ok {
			return ErrPayload
		}
		if r.caughtUp && r.demands[e.Subject] == nil && len(r.answered) > 2*len(r.demands)+1024 {
			return nil // of a closed demand, most likely; at worst a second command for it, which the match context ignores
		}
		r.answered[e.Subject] = max(r.answered[e.Subject], recommended.DemandVersion)
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
	d := r.demands[e.Subject]
	if d == nil {
		published, ok := e.Data.(*events.DemandPublished)
		switch {
		case e.Type != events.TypeDemandPublished:
			return nil // of one that is closed
		case !ok:
			return ErrPayload
		case len(r.demands) >= r.limits.DemandsMax:
			return ErrFull
		}
		r.demands[e.Subject] = NewDemand(published, e.Version)
		return nil
	}
	if fresh, err := next(d.Version, e); !fresh {
		return err
	}
	switch e.Type {
	case events.TypeDemandWithdrawn, events.TypeDemandExpired, events.TypeDemandFulfilled:
		delete(r.demands, e.Subject)
		delete(r.answered, e.Subject)
		return nil
	}
	switch f := e.Data.(type) {
	case *events.DemandAmended:
		d = d.Amended(f, e.Version)
	case *events.Hold:
		d = d.with(e.Version, f.Amount.Minor, 0)
	case *events.DemandHoldReleased:
		d = d.with(e.Version, -f.Amount.Minor, 0)
	case *events.DemandFilled:
		d = d.with(e.Version, -f.Amount.Minor-f.Released.Minor, f.Amount.Minor)
	default:
		d = d.with(e.Version, 0, 0) // what a newer release wrote: only the version moves
	}
	r.demands[e.Subject] = d
	return nil
}

func (r *Reactor) applyOffer(e *step.Applied) error {
	o, held := r.index.Offer(e.Subject)
	if !held {
		published, ok := e.Data.(*events.OfferPublished)
		switch {
		case e.Type != events.TypeOfferPublished:
			return nil
		case !ok:
			return ErrPayload
		case r.index.Len() >= r.limits.OffersMax:
			return ErrFull
		}
		o = NewOffer(published, e.Version)
		if r.offersOf[o.Party] == nil {
			r.offersOf[o.Party] = make(map[string]struct{})
		}
		r.offersOf[o.Party][o.ID] = struct{}{}
		r.putOffer(o)
		return nil
	}
	if fresh, err := next(o.Version, e); !fresh {
		return err
	}
	switch e.Type {
	case events.TypeOfferWithdrawn, events.TypeOfferExpired, events.TypeOfferExhausted:
		r.index.RemoveOffer(o.ID)
		delete(r.offersOf[o.Party], o.ID)
		if len(r.offersOf[o.Party]) == 0 {
			delete(r.offersOf, o.Party)
		}
		return nil
	}
	if f, ok := e.Data.(*events.OfferAmended); ok {
		r.putOffer(o.Amended(f, e.Version))
		return nil
	}
	r.putOffer(o.with(e.Version, func(o *Offer) {
		switch f := e.Data.(type) {
		case *events.Reserve:
			o.Reserved += f.Amount.Minor
		case *events.CapacityReleased:
			o.Reserved -= f.Amount.Minor
		case *events.CapacityCommitted:
			o.Reserved -= f.Amount.Minor + f.Released.Minor
			o.Committed += f.Amount.Minor
		default:
			switch e.Type {
			case events.TypeOfferPaused:
				o.Paused = true
			case events.TypeOfferResumed:
				o.Paused = false
			}
		}
	}))
	return nil
}

// putOffer stores an offer as its institution's standing has it, whichever ledger was read first.
func (r *Reactor) putOffer(o *Offer) {
	if r.suspended[o.Party] && !o.Suspended {
		o = o.with(o.Version, func(o *Offer) { o.Suspended = true })
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
	for id := range r.offersOf[e.Subject] {
		if o, ok := r.index.Offer(id); ok {
			r.index.PutOffer(o.with(o.Version, func(o *Offer) { o.Suspended = r.suspended[e.Subject] }))
		}
	}
}

// recordedPositionsMax is the contract's bound. Positions are in the order demand, offer, party: what is cut off matters least.
const recordedPositionsMax = 64

// recommend ranks the offers for a demand and words the command that records it. The id derives from the demand and its version:
// asked twice it is one command.
func (r *Reactor) recommend(d *Demand, asOf time.Time, positions []string) *step.Command {
	ranked, eligible := r.index.Top(d, asOf, RecommendedMax)
	day := events.DateOf(asOf)
	recommendation := &events.Recommendation{
		Demand: d.ID, DemandVersion: d.TermsVersion, Enterprise: d.Enterprise, Region: d.Region, Industry: d.Industry, Stage: d.Facts.Stage,
		Amount: d.Terms.Amount, Offers: make([]events.RankedOffer, len(ranked)), Eligible: eligible,
		RuleSet: r.rules.At(day).ID, AsOf: day, Positions: positions[:min(len(positions), recordedPositionsMax)],
	}
	if len(d.instruments) > 0 {
		recommendation.Instrument = d.instruments[0]
	}
	for i, p := range ranked {
		recommendation.Offers[i] = events.RankedOffer{
			Offer: p.Offer.ID, Version: p.Offer.Version, Party: p.Offer.Party, Instrument: p.Offer.Terms.Instrument, Score: p.Score,
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
