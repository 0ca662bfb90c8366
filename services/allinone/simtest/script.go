package simtest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// action is one line of a script: after a while, a command or a fault.
type action struct {
	after   time.Duration
	fault   string
	command *sketch
	pick    uint64 // what a fault hits
}

// sketch is a command before it is sent: times in it are relative.
type sketch struct {
	typ, subject, actor string
	payload             map[string]any
	raw                 []byte // in the place of payload: an invalid one
	expected            uint64
	repeat              int  // times it is given again under its id
	other               bool // the last repeat has another body
	late                bool // the last repeat comes after 31 days
}

func (a *action) String() string {
	if a.command == nil {
		return fmt.Sprintf("+%s %s", a.after, a.fault)
	}
	body, _ := json.Marshal(a.command.payload)
	if a.command.raw != nil {
		body = a.command.raw
	}
	return fmt.Sprintf("+%s %s %s by %s x%d %.200s", a.after, a.command.typ, a.command.subject, a.command.actor, 1+a.command.repeat, body)
}

// examples are the payloads of every command in contracts/examples: a new command joins the simulator with its examples.
var examples = sync.OnceValues(func() (map[string]sample, error) {
	all := make(map[string]sample)
	for _, entry := range events.Catalog {
		if entry.Kind != events.Command {
			continue
		}
		context, what := events.SplitType(entry.Type)
		files, err := fs.Glob(contracts.Examples(), path.Join(context, what, "*.json"))
		if err != nil {
			return nil, err
		}
		var s sample
		for _, name := range files {
			b, err := fs.ReadFile(contracts.Examples(), name)
			if err != nil {
				return nil, err
			}
			if !strings.HasPrefix(path.Base(name), "valid-") {
				if len(b) < 4<<10 {
					s.invalid = append(s.invalid, b)
				}
				continue
			}
			var m map[string]any
			if err := json.Unmarshal(b, &m); err != nil {
				return nil, fmt.Errorf("simtest: example %s: %w", name, err)
			}
			s.valid = append(s.valid, m)
		}
		if len(s.valid) == 0 {
			return nil, fmt.Errorf("simtest: command %s has no valid example in contracts/examples/%s", entry.Type, path.Join(context, what))
		}
		all[entry.Type] = s
	}
	return all, nil
})

type sample struct {
	valid   []map[string]any
	invalid [][]byte
}

// Who and what there is.
var (
	enterprises = []string{"x-e1", "x-e2", "x-e3"}
	banks       = []string{"bank-1", "bank-2"}
	parties     = []string{"bank-1", "bank-2", "vc-1", "rating-1", "under-1", "alliance-1"}
	demands     = []string{"d1", "d2", "d3"}
	offers      = []string{"o1", "o2", "o3"}
	bonds       = []string{"bond:b1", "bond:b2"}
	departments = []string{"pboc", "most"}
)

// pools are the ids that stand in a payload's fields. A field that no pool names keeps what its example says.
var pools = map[string][]string{
	"enterprise": enterprises, "party": parties, "offer": offers, "demand": demands, "hold": {"h1", "h2", "h3"}, "reservation": {"r1", "r2", "r3"},
	"contract": {"c1", "c2"}, "draw": {"w1", "w2"}, "member": {"bank-1", "vc-1"}, "grant": {"g1", "g2"}, "provider": banks, "agency": {"rating-1"},
	"key_id": {"k1", "k2"}, "user": {"u-1"},
}

// subjects of each context.
var subjects = map[string][]string{
	"enterprise": enterprises, "party": parties, "demand": demands, "offer": offers, "bond": bonds, "crossborder": append([]string{"bank-1"}, enterprises...),
	"sharing": departments, "policy": {"bond"}, "match": demands,
}

// writer of scripts.
type author struct {
	r   *rand.Rand
	all map[string]sample
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// script writes what happens in one run: who registers, then anything by anybody.
func script(r *rand.Rand, all map[string]sample, n int, single bool) []*action {
	a := &author{r, all}
	var list []*action
	add := func(s *sketch) {
		list = append(list, &action{after: time.Duration(r.Int64N(int64(400 * time.Millisecond))), command: s})
	}
	for _, s := range a.beginning() {
		add(s)
	}
	kinds := scripted
	for len(list) < n {
		switch {
		case r.IntN(14) == 0:
			kind := pick(r, kinds)
			if kind == FaultTail && !single || kind == FaultMonth && r.IntN(3) > 0 {
				continue
			}
			list = append(list, &action{after: time.Duration(r.Int64N(int64(3 * time.Second))), fault: kind, pick: r.Uint64()})
		case r.IntN(8) == 0:
			for _, s := range a.course() {
				add(s)
			}
		default:
			add(a.any())
		}
	}
	return list
}

// any is any command, with the repeats, stale versions and invalid payloads of real clients.
func (a *author) any() *sketch {
	entry := events.Catalog[a.r.IntN(len(events.Catalog))]
	for entry.Kind != events.Command || entry.Type == events.TypeRecommend || (entry.Type == events.TypeAdoptRuleSet || strings.Contains(entry.Type, "withdraw") || strings.Contains(entry.Type, "suspend")) && a.r.IntN(4) > 0 {
		entry = events.Catalog[a.r.IntN(len(events.Catalog))]
	}
	s := a.command(entry.Type, pick(a.r, subjects[entry.Context]), nil)
	invalid := a.all[entry.Type].invalid
	switch a.r.IntN(12) {
	case 0:
		if len(invalid) > 0 {
			s.raw = pick(a.r, invalid)
		}
	case 1:
		s.expected = 1 + a.r.Uint64N(6)
	case 2:
		s.actor = pick(a.r, []string{"party:bank-1", "party:vc-1", "user:u-1", "party:under-1"})
	}
	return s
}

// command makes a command of its example. set replaces fields.
func (a *author) command(typ, subject string, set map[string]any) *sketch {
	context, _ := events.SplitType(typ)
	entry, _ := events.Lookup(typ)
	example := pick(a.r, a.all[typ].valid)
	if typ == events.TypeRegisterEnterprise {
		example = map[string]any{"id": subject, "scheme": "private", "name": "示例云帆智能装备有限公司", "region": "340104", "industry": "C34", "stage": "startup"}
		if a.r.IntN(3) == 0 {
			example["contact"] = map[string]any{"name": "示例联系人"}
		}
	}
	s := &sketch{typ: typ, subject: subject, actor: string(step.Operator), payload: a.fill(example).(map[string]any)}
	if _, ok := s.payload["id"]; ok && context != "policy" {
		s.payload["id"] = subject
	}
	for k, v := range set {
		s.payload[k] = v
	}
	if entry.Internal && a.r.IntN(4) > 0 {
		s.actor = string(step.System)
	}
	if a.r.IntN(5) == 0 {
		s.repeat = 1 + a.r.IntN(2)
		s.other, s.late = a.r.IntN(4) == 0, a.r.IntN(12) == 0
	}
	return s
}

// relative is a time or a day that is counted from when the command is sent.
type relative struct {
	in  time.Duration
	day bool
}

// fill puts ids, amounts and times of this world in the place of an example's.
func (a *author) fill(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) { // in an order: each draws
			x := v[k]
			text, isText := x.(string)
			pool, pooled := pools[k]
			switch {
			case isText && pooled:
				out[k] = pick(a.r, pool)
			case isText && (k == "until" || k == "valid_until" || k == "valid_to"):
				out[k] = relative{time.Duration(1+a.r.IntN(40)) * 36 * time.Hour, len(text) == len("2006-01-02")}
				if a.r.IntN(3) == 0 && len(text) > len("2006-01-02") {
					out[k] = relative{time.Duration(1+a.r.IntN(50)) * time.Second, false}
				}
			default:
				out[k] = a.fill(x)
			}
		}
		if amount, ok := v["amount"].(string); ok && v["currency"] != nil {
			if f, err := strconv.ParseFloat(amount, 64); err == nil && f >= 4 {
				out["amount"] = strconv.FormatInt(int64(f)/4*int64(1+a.r.IntN(6)), 10) + amount[len(strings.SplitN(amount, ".", 2)[0]):]
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = a.fill(x)
		}
		return out
	}
	return v
}

// body is the payload as it is sent at an instant.
func (s *sketch) body(now time.Time) []byte {
	if s.raw != nil {
		return s.raw
	}
	b, err := json.Marshal(at(s.payload, now))
	if err != nil {
		panic(err) // maps of plain values
	}
	return b
}

func at(v any, now time.Time) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = at(x, now)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = at(x, now)
		}
		return out
	case relative:
		if v.day {
			return now.Add(v.in).Format("2006-01-02")
		}
		return now.Add(v.in).UTC().Format(time.RFC3339)
	}
	return v
}
