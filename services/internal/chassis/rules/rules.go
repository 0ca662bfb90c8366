// Package rules reads dated rule sets (规则集): the files <subject>.<effective from>.json of contracts/rules. A changed parameter is a
// new file, never an edit of an old one, so what was decided can always be judged again by the rules of its day.
//
// A running system reads them from the policy ledger, through a Library: what a file says is then the ledger's word, not the program's.
package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// Header begins every rule file. A rule set embeds it.
type Header struct {
	ID            string      `json:"id"` // the file's name without its ending
	EffectiveFrom events.Date `json:"effective_from"`
	EffectiveTo   events.Date `json:"effective_to"` // last day, included; null while it is in force
	Document      string      `json:"document"`
	Confidence    string      `json:"confidence"` // confirmed or unconfirmed
	Summary       codes.Text  `json:"summary"`
	Hash          string      `json:"-"` // SHA-256 of the file, hex
}

// Head implements Dated.
func (h *Header) Head() *Header { return h }

// Dated is a pointer to a rule set: a struct that embeds Header.
type Dated[T any] interface {
	*T
	Head() *Header
	// Follows checks the set's own values and, where before is not nil, that it may follow that one. It is called once, in order of days.
	Follows(before *T) error
}

// Sets are the rule sets of one subject, by day. Those of a Library grow when a set is adopted; a set itself never changes.
type Sets[T any] struct{ now atomic.Pointer[shelf[T]] }

// shelf is the sets as they are at one time.
type shelf[T any] struct {
	sets  []*T
	heads []*Header
}

// Bounds of what is read.
const (
	filesMax     = 256 // of one subject
	fileBytesMax = 64 << 10
)

// Load reads <subject>.*.json below a folder. It refuses unknown fields, what Follows refuses, days on which two sets would be in
// force, and days in between on which none would.
func Load[T any, P Dated[T]](files fs.FS, subject string) (*Sets[T], error) {
	var list []P
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		base := path.Base(name)
		if err != nil || entry.IsDir() || !strings.HasPrefix(base, subject+".") || path.Ext(base) != ".json" {
			return err
		}
		if len(list) == filesMax {
			return fmt.Errorf("more than %d rule files", filesMax)
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		set, err := parse[T, P](data)
		if err == nil && set.Head().ID != strings.TrimSuffix(base, ".json") {
			err = fmt.Errorf("the id is %q", set.Head().ID)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, set)
		return nil
	})
	if err == nil {
		err = order[T](list)
	}
	if err != nil {
		return nil, fmt.Errorf("rules: %s: %w", subject, err)
	}
	s := &Sets[T]{}
	s.now.Store(shelve[T](list))
	return s, nil
}

func shelve[T any, P Dated[T]](list []P) *shelf[T] {
	s := &shelf[T]{}
	for _, set := range list {
		s.sets, s.heads = append(s.sets, set), append(s.heads, set.Head())
	}
	return s
}

func parse[T any, P Dated[T]](data []byte) (P, error) {
	if len(data) > fileBytesMax {
		return nil, fmt.Errorf("larger than %d bytes", fileBytesMax)
	}
	set := P(new(T))
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(set); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("something follows the object")
	}
	h := set.Head()
	sum := sha256.Sum256(data)
	h.Hash = hex.EncodeToString(sum[:])
	if _, err := h.EffectiveFrom.Start(); err != nil {
		return nil, fmt.Errorf("effective_from: %w", err)
	}
	if h.EffectiveTo != "" {
		if _, err := h.EffectiveTo.Start(); err != nil || h.EffectiveTo.Before(h.EffectiveFrom) {
			return nil, fmt.Errorf("effective_to %q is no day on or after effective_from", h.EffectiveTo)
		}
	}
	if h.Document == "" || h.Summary.Zh == "" || h.Summary.En == "" {
		return nil, errors.New("document and summary in both languages are required")
	}
	if !Confidence(h.Confidence) {
		return nil, errors.New("confidence must be confirmed or unconfirmed")
	}
	return set, nil
}

// Confidence reports whether a word says how sure a rule is: confirmed where a published source was seen, else unconfirmed.
func Confidence(word string) bool { return word == "confirmed" || word == "unconfirmed" }

// order sorts the sets by day and checks that each begins on the day after the one before it ends.
func order[T any, P Dated[T]](list []P) error {
	if len(list) == 0 {
		return errors.New("there is no file")
	}
	slices.SortFunc(list, func(a, b P) int {
		return strings.Compare(string(a.Head().EffectiveFrom), string(b.Head().EffectiveFrom))
	})
	var before *T
	for i, set := range list {
		h := set.Head()
		if i > 0 {
			last := list[i-1].Head()
			end, err := last.EffectiveTo.End()
			if err != nil {
				return fmt.Errorf("%s is followed by %s and has no effective_to", last.ID, h.ID)
			}
			if next := events.DateOf(end); next != h.EffectiveFrom {
				return fmt.Errorf("%s ends on %s, but %s begins on %s instead of %s", last.ID, last.EffectiveTo, h.ID, h.EffectiveFrom, next)
			}
		}
		if err := set.Follows(before); err != nil {
			return fmt.Errorf("%s: %w", h.ID, err)
		}
		before = set
	}
	return nil
}

// At is the rule set in force on a day; false on a day before the first or after the end of the last.
func (s *Sets[T]) At(day events.Date) (*T, bool) {
	now := s.all()
	for i, h := range slices.Backward(now.heads) {
		if !day.Before(h.EffectiveFrom) || planted.On("rules_of_the_wrong_day") {
			return now.sets[i], h.EffectiveTo == "" || !day.After(h.EffectiveTo)
		}
	}
	return nil, false
}

// ByID finds a rule set by its id.
func (s *Sets[T]) ByID(id string) (*T, bool) {
	now := s.all()
	for i, h := range now.heads {
		if h.ID == id {
			return now.sets[i], true
		}
	}
	return nil, false
}

// After lists the sets that come into force after the one with an id, in order; all of them when the id is not known.
func (s *Sets[T]) After(id string) []*T {
	now := s.all()
	for i, h := range now.heads {
		if h.ID == id {
			return now.sets[i+1:]
		}
	}
	return now.sets
}

// First and Last are the sets that come into force first and last; nil where nothing has been adopted.
func (s *Sets[T]) First() *T {
	if now := s.all(); len(now.sets) > 0 {
		return now.sets[0]
	}
	return nil
}

// Last is the set that comes into force last.
func (s *Sets[T]) Last() *T {
	if now := s.all(); len(now.sets) > 0 {
		return now.sets[len(now.sets)-1]
	}
	return nil
}

func (s *Sets[T]) all() *shelf[T] {
	if now := s.now.Load(); now != nil {
		return now
	}
	return &shelf[T]{}
}
