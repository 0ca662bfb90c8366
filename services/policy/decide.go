package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Judge holds the sets of a subject, in order, to what the services that read them ask. known is false where no service of this
// program reads the subject. It is pure.
type Judge func(subject string, sets []Set) (known bool, err error)

// Decider holds the rules of context policy.
func Decider(judge Judge) step.Decider[Subject] {
	return step.Decider[Subject]{
		Context: "policy", FoldVersion: 1,
		Decide: func(s *Subject, c *step.Command, now time.Time) ([]step.Event, error) { return decide(judge, s, c) },
		Evolve: Evolve, Check: check,
	}
}

func decide(judge Judge, s *Subject, c *step.Command) ([]step.Event, error) {
	if !c.Actor.Trusted() {
		return nil, events.ErrForbidden.Refuse("", "规则只能由运营方登记", "rules are entered by the operator")
	}
	p, ok := c.Data.(*events.AdoptRuleSet)
	if !ok {
		return nil, events.ErrUnknownType.Refusef("", "%s", "%s", c.Type)
	}
	h, err := read(c.Subject, p)
	if err != nil {
		return nil, err
	}
	set := Set{RuleSetAdopted: events.RuleSetAdopted{
		ID: h.ID, Hash: hashOf(p.Content), EffectiveFrom: h.EffectiveFrom, EffectiveTo: h.EffectiveTo, Document: h.Document, Confidence: h.Confidence,
		Content: p.Content,
	}, Until: h.EffectiveTo}
	if known := s.find(h.ID); known != nil {
		return again(s, known, &set)
	}
	list, err := follow(s, &set)
	if err != nil {
		return nil, err
	}
	return list, judged(judge, Evolved(s, c.Subject, list))
}

// read takes the header of a file and holds it to the command.
func read(subject string, p *events.AdoptRuleSet) (h header, err error) {
	if !json.Valid([]byte(p.Content)) || json.Unmarshal([]byte(p.Content), &h) != nil {
		return h, events.ErrMalformed.Refuse("/content", "规则文件不是有效的 JSON 对象", "the rule file is no JSON object of that form")
	}
	if _, err := h.EffectiveFrom.Start(); err != nil {
		return h, events.ErrDates.Refuse("/content", "effective_from 须为 YYYY-MM-DD", "effective_from must be YYYY-MM-DD")
	}
	if h.EffectiveTo != "" {
		if _, err := h.EffectiveTo.Start(); err != nil || h.EffectiveTo.Before(h.EffectiveFrom) {
			return h, events.ErrDates.Refuse("/content", "effective_to 须为 YYYY-MM-DD 且不早于 effective_from", "effective_to must be YYYY-MM-DD, not before effective_from")
		}
	}
	if want := subject + "." + string(h.EffectiveFrom); h.ID != want || p.ID != want {
		return h, events.ErrID.Refusef("/id", "编号须为 %s", "the id must be %s", want)
	}
	if h.Document == "" || h.Summary.Zh == "" || h.Summary.En == "" || h.Confidence != "confirmed" && h.Confidence != "unconfirmed" {
		return h, events.ErrSchema.Refuse("/content", "规则文件须有 document、confidence（confirmed 或 unconfirmed）和中英文 summary", "a rule file has document, confidence (confirmed or unconfirmed) and a summary in both languages")
	}
	return h, nil
}

// again judges a file whose id is known: it says the same, or it closes what was open.
func again(s *Subject, known, set *Set) ([]step.Event, error) {
	if known.Hash == set.Hash {
		return nil, nil
	}
	if !sameButEnd(known.Content, set.Content) {
		return nil, events.ErrPolicy.Refusef("/content", "%s 已登记，内容不可修改：变更请另立更晚生效的文件", "%s is in the ledger and is never edited: a change is a file with a later first day", set.ID)
	}
	switch {
	case set.EffectiveTo == known.Until, set.EffectiveTo == "":
		return nil, nil
	case known.Until != "":
		return nil, events.ErrPolicy.Refusef("/content", "%s 的失效日已定为 %s", "%s ends on %s already", set.ID, known.Until)
	}
	return []step.Event{{Type: events.TypeRuleSetClosed, Data: &events.RuleSetClosed{ID: set.ID, EffectiveTo: set.EffectiveTo}}}, nil
}

// follow puts a set behind the last one.
func follow(s *Subject, set *Set) ([]step.Event, error) {
	adopted := step.Event{Type: events.TypeRuleSetAdopted, Data: &set.RuleSetAdopted}
	last := s.last()
	if last == nil {
		return []step.Event{adopted}, nil
	}
	if len(s.Sets) >= setsMax {
		return nil, events.ErrRange.Refusef("", "每个主题最多 %d 份规则", "at most %d rule sets a subject", setsMax)
	}
	if !set.EffectiveFrom.After(last.EffectiveFrom) {
		return nil, events.ErrPolicy.Refusef("/content", "%s 自 %s 起施行：不得在其之前插入规则", "%s is in force from %s: nothing is put in before it", last.ID, last.EffectiveFrom)
	}
	var list []step.Event
	switch want := dayBefore(set.EffectiveFrom); {
	case last.Until == "":
		list = append(list, step.Event{Type: events.TypeRuleSetClosed, Data: &events.RuleSetClosed{ID: last.ID, EffectiveTo: want}})
	case last.Until != want:
		return nil, events.ErrPolicy.Refusef("/content", "%s 于 %s 失效，后续规则须自次日起施行", "%s ends on %s: the next set begins on the day after", last.ID, last.Until)
	}
	changed := &events.RuleChanged{Before: last.ID, After: set.ID, EffectiveFrom: set.EffectiveFrom, Changes: []events.RuleChange{}}
	all := events.RuleDifferences(last.Content, set.Content)
	changed.Changes = append(changed.Changes, all[:min(len(all), events.RuleChangesMax)]...)
	changed.Omitted = len(all) - len(changed.Changes)
	return append(list, adopted, step.Event{Type: events.TypeRuleChanged, Data: changed}), nil
}

func judged(judge Judge, s *Subject) error {
	known, err := judge(s.ID, s.Sets)
	if !known {
		return events.ErrCode.Refusef("", "没有服务使用主题为 %s 的规则", "no service reads rules about %s", s.ID)
	}
	if err != nil {
		return events.ErrPolicy.Refusef("/content", "规则文件不成立：%s", "the rule file does not hold: %s", err)
	}
	return nil
}

// Evolved is the subject after events that have just been decided.
func Evolved(s *Subject, subject string, list []step.Event) *Subject {
	for _, e := range list {
		s = Evolve(s, &step.Applied{Type: e.Type, Subject: subject, Data: e.Data})
	}
	return s
}

// Evolve returns the subject after an event.
func Evolve(s *Subject, e *step.Applied) *Subject {
	next := Subject{ID: e.Subject, CreatedAt: e.Time, UpdatedAt: e.Time}
	if s != nil {
		next.Sets, next.CreatedAt = slices.Clone(s.Sets), s.CreatedAt
	}
	switch p := e.Data.(type) {
	case *events.RuleSetAdopted:
		next.Sets = append(next.Sets, Set{RuleSetAdopted: *p, Until: p.EffectiveTo, AdoptedAt: e.Time})
	case *events.RuleSetClosed:
		if set := next.find(p.ID); set != nil {
			set.Until = p.EffectiveTo
		}
	}
	return &next
}

func hashOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// sameButEnd reports whether two files say the same, apart from their last day and how they are set.
func sameButEnd(a, b string) bool {
	var x, y map[string]any
	for content, into := range map[string]*map[string]any{a: &x, b: &y} {
		d := json.NewDecoder(strings.NewReader(content))
		d.UseNumber()
		if d.Decode(into) != nil {
			return false
		}
	}
	delete(x, "effective_to")
	delete(y, "effective_to")
	return reflect.DeepEqual(x, y)
}
