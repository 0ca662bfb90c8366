package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/steptest"
)

var now = time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)

// file is a rule file of subject limits; to "" is null.
func file(from, to string, rest string) string {
	end := "null"
	if to != "" {
		end = `"` + to + `"`
	}
	return fmt.Sprintf(`{"id":"limits.%s","effective_from":"%s","effective_to":%s,"document":"示例通知","confidence":"unconfirmed","summary":{"zh":"示例","en":"example"},%s}`, from, from, end, rest)
}

const one, two = `"rows":[{"kind":"firm","parameter":"1"},{"kind":"bank","parameter":"0.8"}],"days":3`, `"rows":[{"kind":"bank","parameter":"0.8"},{"kind":"firm","parameter":"1.25"}],"days":3`

func adopt(content string) *events.AdoptRuleSet {
	from := content[len(`{"id":"limits.`):][:10]
	return &events.AdoptRuleSet{ID: "limits." + from, Content: content}
}

// judge knows one subject, whose files must not have a rule called bad.
func judge(subject string, sets []Set) (bool, error) {
	for i := range sets {
		if strings.Contains(sets[i].Content, `"bad"`) {
			return true, errors.New("bad is no rule")
		}
	}
	return subject == "limits", nil
}

// given adopts files, each of which must be taken.
func given(t *testing.T, contents ...string) *Subject {
	t.Helper()
	var s *Subject
	var version uint64
	for _, c := range contents {
		var err error
		if s, _, err = steptest.Play(t, Decider(judge), s, &version, &step.Command{Type: events.TypeAdoptRuleSet, Subject: "limits", Actor: step.System, Data: adopt(c)}, now); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestDecide(t *testing.T) {
	first := file("2020-01-01", "", one)
	closed := file("2020-01-01", "2022-12-31", one)
	second := file("2023-01-01", "", two)
	adopted, ended, changed := events.TypeRuleSetAdopted, events.TypeRuleSetClosed, events.TypeRuleChanged
	for _, c := range []struct {
		name    string
		given   []string
		subject string
		actor   step.Actor
		when    *events.AdoptRuleSet
		then    []string
		code    events.ProblemKind
		field   string
	}{
		{name: "a first file", when: adopt(first), then: []string{adopted}},
		{name: "the same again", given: []string{first}, when: adopt(first)},
		{name: "the same, set otherwise", given: []string{first}, when: adopt(strings.ReplaceAll(first, `,"days"`, ` , "days"`))},
		{name: "a later file closes the one before", given: []string{first}, when: adopt(second), then: []string{ended, adopted, changed}},
		{name: "a later file behind a closed one", given: []string{closed}, when: adopt(second), then: []string{adopted, changed}},
		{name: "its last day comes later", given: []string{first}, when: adopt(closed), then: []string{ended}},
		{name: "its last day is known already", given: []string{first, second}, when: adopt(closed)},
		{name: "an older program still has it open", given: []string{closed}, when: adopt(first)},
		{name: "another last day", given: []string{closed}, when: adopt(file("2020-01-01", "2022-06-30", one)), code: events.ErrPolicy, field: "/content"},
		{name: "edited", given: []string{first}, when: adopt(file("2020-01-01", "", two)), code: events.ErrPolicy, field: "/content"},
		{name: "before what there is", given: []string{second}, when: adopt(closed), code: events.ErrPolicy, field: "/content"},
		{name: "a gap", given: []string{closed}, when: adopt(file("2023-01-02", "", two)), code: events.ErrPolicy, field: "/content"},
		{name: "an overlap", given: []string{closed}, when: adopt(file("2022-12-31", "", two)), code: events.ErrPolicy, field: "/content"},
		{name: "what the readers refuse", when: adopt(file("2020-01-01", "", `"bad":1`)), code: events.ErrPolicy, field: "/content"},
		{name: "a subject that nobody reads", subject: "moon", when: &events.AdoptRuleSet{ID: "moon.2020-01-01", Content: strings.ReplaceAll(first, "limits.", "moon.")}, code: events.ErrCode},
		{name: "the id of another day", when: &events.AdoptRuleSet{ID: "limits.2020-01-02", Content: first}, code: events.ErrID, field: "/id"},
		{name: "the file of another subject", subject: "limit", when: adopt(first), code: events.ErrID, field: "/id"},
		{name: "not JSON", when: &events.AdoptRuleSet{ID: "limits.2020-01-01", Content: "{"}, code: events.ErrMalformed, field: "/content"},
		{name: "no object", when: &events.AdoptRuleSet{ID: "limits.2020-01-01", Content: "[]"}, code: events.ErrMalformed, field: "/content"},
		{name: "no day", when: &events.AdoptRuleSet{ID: "limits.2020-01-01", Content: strings.ReplaceAll(first, `from":"2020-01-01`, `from":"soon`)}, code: events.ErrDates, field: "/content"},
		{name: "ends before it begins", when: adopt(file("2020-01-01", "2019-12-31", one)), code: events.ErrDates, field: "/content"},
		{name: "no source", when: adopt(strings.Replace(first, "示例通知", "", 1)), code: events.ErrSchema, field: "/content"},
		{name: "an unknown confidence", when: adopt(strings.Replace(first, "unconfirmed", "likely", 1)), code: events.ErrSchema, field: "/content"},
		{name: "one language", when: adopt(strings.Replace(first, `"en":"example"`, `"en":""`, 1)), code: events.ErrSchema, field: "/content"},
		{name: "by an institution", actor: "party:bank-1", when: adopt(first), code: events.ErrForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := given(t, c.given...)
			version := uint64(100)
			if c.subject == "" {
				c.subject = "limits"
			}
			if c.actor == "" {
				c.actor = step.Operator
			}
			_, decided, err := steptest.Play(t, Decider(judge), s, &version, &step.Command{Type: events.TypeAdoptRuleSet, Subject: c.subject, Actor: c.actor, Data: c.when}, now)
			if c.code != (events.ProblemKind{}) {
				steptest.Refused(t, err, c.code, c.field)
				return
			}
			if err != nil || fmt.Sprint(steptest.Types(decided)) != fmt.Sprint(c.then) {
				t.Errorf("%v %v, want %v", steptest.Types(decided), err, c.then)
			}
		})
	}
}

func TestAt(t *testing.T) {
	s := given(t, file("2020-01-01", "", one), file("2023-01-01", "2024-12-31", two))
	for day, want := range map[events.Date]string{"2020-01-01": "limits.2020-01-01", "2022-12-31": "limits.2020-01-01", "2023-01-01": "limits.2023-01-01", "2024-12-31": "limits.2023-01-01"} {
		if set, ok := s.At(day); !ok || set.ID != want {
			t.Errorf("%s: %v %v", day, set, ok)
		}
	}
	for _, day := range []events.Date{"2019-12-31", "2025-01-01"} {
		if _, ok := s.At(day); ok {
			t.Errorf("%s has a rule set", day)
		}
	}
}

func TestIndex(t *testing.T) {
	doc, err := json.Marshal(given(t, file("2020-01-01", "", one), strings.ReplaceAll(file("2023-01-01", "", two), `"unconfirmed"`, `"confirmed"`)))
	if err != nil {
		t.Fatal(err)
	}
	if list, err := Index(doc); err != nil || len(list) != 3 || list[2].Name != "confidence" || list[2].Value != "confirmed" {
		t.Errorf("%v %v", list, err)
	}
	if list, err := Index([]byte("{}")); err != nil || len(list) != 2 {
		t.Errorf("%v %v", list, err)
	}
	if _, err := Index(nil); err == nil {
		t.Error("nothing has an index")
	}
}

// TestLives adopts files of random days and ends in random order: Check holds after each event, and every day has at most one set.
func TestLives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steptest.Lives(t, step.NewMachine(Decider(judge)), now, func(t *rapid.T, _ time.Time) *step.Command {
			from := rapid.IntRange(0, 60).Draw(t, "from")
			day := func(n int) string { return time.Date(2020, 1, 1+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) }
			to := ""
			if rapid.Bool().Draw(t, "closed") {
				to = day(from + rapid.IntRange(0, 5).Draw(t, "length"))
			}
			return &step.Command{Type: events.TypeAdoptRuleSet, Subject: "limits", Actor: step.Operator, Data: adopt(file(day(from), to, rapid.SampledFrom([]string{one, two}).Draw(t, "content")))}
		}, func([]byte) error { return nil })
	})
}
