package rules

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/jieli-bus/jieli/events"
)

// File is a rule file as the policy ledger has it.
type File struct {
	ID      string
	Content []byte
	Until   events.Date // the last day it is in force, "" while none is known; it may have been set after the file was adopted
}

// Library holds the rule sets of several subjects and brings them up to date (规则库). It may be used by several goroutines.
type Library struct {
	mu       sync.Mutex
	subjects map[string]subject
}

type subject struct {
	judge func(files []File) error
	learn func(files []File) error
	empty func() bool
}

// NewLibrary makes a library that knows no subject.
func NewLibrary() *Library { return &Library{subjects: make(map[string]subject)} }

// Shelve adds a subject and returns its sets, none as yet. Each subject is added once, before the library is used.
func Shelve[T any, P Dated[T]](l *Library, name string) *Sets[T] {
	s := &Sets[T]{}
	read := func(files []File) ([]P, error) {
		list := make([]P, len(files))
		for i, f := range files {
			set, err := parse[T, P](f.Content)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.ID, err)
			}
			if h := set.Head(); h.EffectiveTo == "" {
				h.EffectiveTo = f.Until
			}
			list[i] = set
		}
		return list, order[T](list)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subjects[name] = subject{
		judge: func(files []File) error { _, err := read(files); return err },
		learn: func(files []File) error {
			list, err := read(files)
			if err == nil {
				s.now.Store(shelve[T](list))
			}
			return err
		},
		empty: func() bool { return len(s.all().sets) == 0 },
	}
	return s
}

// Judge says whether files would do as all the rule sets of a subject, without taking them. known is false for a subject that was never
// added.
func (l *Library) Judge(name string, files []File) (known bool, err error) {
	s, known := l.find(name)
	if !known {
		return false, nil
	}
	return true, s.judge(files)
}

// Learn puts files in the place of all the rule sets of a subject. A subject that was never added is left alone: it is another program's.
func (l *Library) Learn(name string, files []File) error {
	s, known := l.find(name)
	if !known {
		return nil
	}
	if err := s.learn(files); err != nil {
		return fmt.Errorf("rules: %s: %w", name, err)
	}
	return nil
}

// Missing lists the subjects that have no rule set yet, in alphabetical order.
func (l *Library) Missing() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for _, name := range slices.Sorted(maps.Keys(l.subjects)) {
		if l.subjects[name].empty() {
			list = append(list, name)
		}
	}
	return list
}

func (l *Library) find(name string) (subject, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.subjects[name]
	return s, ok
}
