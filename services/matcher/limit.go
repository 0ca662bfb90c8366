package matcher

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/jieli-bus/jieli/events"
)

// AskLimits bound the questions of one asker (防探测), so that a private bound cannot be searched for. That a pair matches cannot be
// hidden from the pair: each version of a demand that is judged tells one bit of each bound. So what is counted is versions: the
// same question about the same version again tells nothing new and costs nothing of Pair, and a bound of a hundred million needs
// 27 versions, over weeks instead of minutes. Drafts tell nothing private, see Tried; they cost work only.
type AskLimits struct {
	Burst     int // questions at once, default 60
	PerMinute int // questions a minute from then on, default 60
	DraftCost int // questions that a draft counts for, default 5
	// Versions of one asker's demands that may be held against one offer: PairBurst at once (default 8), PairPerDay a day from then
	// on (default 4).
	PairBurst, PairPerDay int
	// AskersMax bounds the askers and pairs that are remembered, default 100,000 each; when more ask, those who have
	// not asked for long are forgotten, which is no gain for them.
	AskersMax int
}

func (l *AskLimits) setDefaults() {
	for _, d := range []struct {
		value    *int
		standard int
	}{{&l.Burst, 60}, {&l.PerMinute, 60}, {&l.DraftCost, 5}, {&l.PairBurst, 8}, {&l.PairPerDay, 4}, {&l.AskersMax, 100_000}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
}

// Gate counts questions. It may be used concurrently.
type Gate struct {
	limits AskLimits
	mu     sync.Mutex
	askers map[string]*rate.Limiter
	pairs  map[pairKey]*pairBucket
}

type pairKey struct{ asker, offer string }

type pairBucket struct {
	limiter *rate.Limiter
	last    judged
}

type judged struct {
	demand  string
	version uint64
}

// NewGate makes a gate; limits that are 0 have their defaults.
func NewGate(l AskLimits) *Gate {
	l.setDefaults()
	return &Gate{limits: l, askers: make(map[string]*rate.Limiter), pairs: make(map[pairKey]*pairBucket)}
}

// Ask lets a question through or refuses it. A draft costs more.
func (g *Gate) Ask(asker string, draft bool, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.askers[asker]
	if l == nil {
		if len(g.askers) >= g.limits.AskersMax {
			g.sweep(now)
		}
		if len(g.askers) >= g.limits.AskersMax {
			return tooMany(time.Minute)
		}
		l = rate.NewLimiter(rate.Limit(float64(g.limits.PerMinute)/60), g.limits.Burst)
		g.askers[asker] = l
	}
	cost := 1
	if draft {
		cost = min(g.limits.DraftCost, g.limits.Burst)
	}
	if !l.AllowN(now, cost) {
		return tooMany(time.Minute)
	}
	return nil
}

// Judge lets an asker hold a version of a demand against an offer. Version 0 is not known, and counts each time.
func (g *Gate) Judge(asker, offer, demand string, version uint64, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	key, what := pairKey{asker, offer}, judged{demand, version}
	p := g.pairs[key]
	if p == nil {
		if len(g.pairs) >= g.limits.AskersMax {
			g.sweep(now)
		}
		if len(g.pairs) >= g.limits.AskersMax {
			return tooMany(time.Hour)
		}
		p = &pairBucket{limiter: rate.NewLimiter(rate.Limit(float64(g.limits.PairPerDay)/(24*60*60)), g.limits.PairBurst)}
		g.pairs[key] = p
	}
	if version != 0 && p.last == what {
		return nil
	}
	if !p.limiter.AllowN(now, 1) {
		return tooMany(24 * time.Hour / time.Duration(g.limits.PairPerDay))
	}
	p.last = what
	return nil
}

// sweep forgets whose bucket is full again: who is not remembered has a full one.
func (g *Gate) sweep(now time.Time) {
	for k, l := range g.askers {
		if l.TokensAt(now) >= float64(g.limits.Burst) {
			delete(g.askers, k)
		}
	}
	for k, p := range g.pairs {
		if p.limiter.TokensAt(now) >= float64(g.limits.PairBurst) {
			delete(g.pairs, k)
		}
	}
}

func tooMany(wait time.Duration) error {
	return events.ErrTooMany.Refusef("", "提问次数已达上限，请在 %[1]s 后重试", "too many questions: try again in %[1]s", wait)
}
