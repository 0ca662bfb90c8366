package e2e

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// allDoors are the ways in for a payload: the operator's three and a party's own door, in both modes.
var allDoors = []door{overHTTP, binary, structured, partyBinary, partyStructured}

// TestBadInputBySchema: whatever a contract forbids, in every field of every command, is refused alike at every door, recorded, and
// changes nothing.
func TestBadInputBySchema(t *testing.T) {
	t.Parallel()
	list := faults(t)
	all := len(list)
	if os.Getenv("JIELI_BAD") != "all" { // a quarter: enough to find what differs, in a few seconds
		list = slices.DeleteFunc(list, func(f *fault) bool { return f.number%4 != 0 })
	}
	s := start(t, allinone.Options{})
	last := s.do("POST", "/v1/parties", bank("bank-1"))
	s.get("/v1/parties/bank-1", last.Position, nil)
	credentials := s.admit("bank-1")
	conns := map[door]*stock{}
	for i := range allDoors {
		conns[allDoors[i]] = s.core()
	}
	conns[partyBinary] = s.connect(credentials.NATS.User, credentials.NATS.Password)
	conns[partyStructured] = conns[partyBinary]

	before, read, audited := s.verify(), s.documents(), conns[binary].info("AUDIT").LastSeq
	counts := newTally()
	const workers = 24
	s.atOnce(workers, func(worker int) error {
		var errs []error
		for i := worker; i < len(list); i += workers {
			errs = append(errs, s.everywhere(list[i], conns, counts))
		}
		return errors.Join(errs...)
	})
	given := counts.sum()
	conns[binary].behind("AUDIT", audited+uint64(given-1), 1) // each leaves a record; it fails where one is missing
	if n := conns[binary].info("AUDIT").LastSeq - audited; n != uint64(given) {
		t.Errorf("%d refusals, %d records", given, n)
	}
	files := s.fileDoor(list, counts)
	s.unchanged(before, read)
	t.Logf("%d of %d faults (JIELI_BAD=all takes all) of %d commands, %d refusals, %d rows of files\n%s", len(list), all, len(counts.commands), given, files, counts)
}

// everywhere gives one fault at every door and wants the same refusal.
func (s *system) everywhere(f *fault, conns map[door]*stock, counts *tally) error {
	var first *events.Problem
	for _, d := range allDoors {
		a := &attempt{typ: f.typ, subject: "bad-1", body: f.body, expected: "1"}
		context := a.context()
		if d == overHTTP {
			a.web = func(r *webRequest) {
				_, what := events.SplitType(f.typ)
				r.method, r.path = "POST", "/v1/"+paths[context]+"/bad-1/"+what
			}
		} else if d == partyBinary || d == partyStructured {
			a.party = "bank-1"
		}
		body, status, id, err := a.knock(s, conns[d], d)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", f.name(), d, err)
		}
		p, err := f.judge(body, status)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", f.name(), d, err)
		}
		counts.add(d, f)
		unread := f.raw && (d == structured || d == partyStructured)
		if p.Instance != id && !(unread && p.Instance == "") {
			return fmt.Errorf("%s: %s: the refusal is of command %q, not %q", f.name(), d, p.Instance, id)
		}
		if p.Instance = ""; first == nil {
			first = p
		} else if *p != *first && !(unread && p.Type == first.Type) {
			return fmt.Errorf("%s: %s says %+v, another door %+v", f.name(), d, p, first)
		}
	}
	return nil
}

// documents is everything that the read models hold, by context.
func (s *system) documents() map[string]string {
	s.t.Helper()
	list := map[string]string{}
	core := s.core()
	for context, path := range paths {
		position := events.Position{Context: context, Sequence: core.info(events.LedgerStream(context)).LastSeq}
		list[context] = string(s.get("/v1/"+path+"?limit=200", position.String(), nil))
	}
	return list
}

// unchanged holds ledgers and read models to what they were.
func (s *system) unchanged(before *allinone.Report, read map[string]string) {
	s.t.Helper()
	after := s.verify()
	for name, r := range after.Ledgers {
		if was := before.Ledgers[name]; r.Events != was.Events || r.Entities != was.Entities {
			s.t.Errorf("%s had %d events of %d entities, now it has %d of %d", name, was.Events, was.Entities, r.Events, r.Entities)
		}
	}
	for context, now := range s.documents() {
		if now != read[context] {
			s.t.Errorf("%s: the documents have changed:\nwas %s\nis  %s", context, read[context], now)
		}
	}
}

// tally counts refusals by door and class.
type tally struct {
	mu       sync.Mutex
	counts   map[string]map[door]int
	commands map[string]bool
}

func newTally() *tally {
	return &tally{counts: map[string]map[door]int{}, commands: map[string]bool{}}
}

func (c *tally) add(d door, f *fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	class, _, _ := strings.Cut(f.class, ":")
	if c.counts[class] == nil {
		c.counts[class] = map[door]int{}
	}
	c.counts[class][d]++
	c.commands[f.typ] = true
}

func (c *tally) sum() int {
	n := 0
	for _, doors := range c.counts {
		for _, m := range doors {
			n += m
		}
	}
	return n
}

func (c *tally) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	all := append(slices.Clone(allDoors), inFile)
	fmt.Fprint(w, "fault")
	sums := map[door]int{}
	for _, d := range all {
		fmt.Fprint(w, "\t", d)
	}
	var classes []string
	for class := range c.counts {
		classes = append(classes, class)
	}
	slices.Sort(classes)
	for _, class := range classes {
		fmt.Fprint(w, "\n", class)
		for _, d := range all {
			fmt.Fprint(w, "\t", c.counts[class][d])
			sums[d] += c.counts[class][d]
		}
	}
	fmt.Fprint(w, "\nall")
	for _, d := range all {
		fmt.Fprint(w, "\t", sums[d])
	}
	w.Flush()
	return b.String()
}
