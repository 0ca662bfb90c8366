package allinone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/bond"
	"github.com/jieli-bus/jieli/services/crossborder"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/appetite"
	"github.com/jieli-bus/jieli/services/matcher/stack"
	"github.com/jieli-bus/jieli/services/policy"
)

// rulebook is the dated rules of this process: it follows the policy ledger, and every service here reads its sets.
type rulebook struct {
	library     *rules.Library
	bond        *rules.Sets[bond.RuleSet]
	course      *rules.Sets[bond.CourseRules]
	crossborder *rules.Sets[crossborder.RuleSet]
	matching    *rules.Sets[matcher.RuleSet]
	appetite    *rules.Sets[appetite.Set]
	stack       *rules.Sets[stack.RuleSet]

	source ledger.Log
	log    zerolog.Logger
	loop   ledger.Loop

	mu       sync.Mutex
	changed  func(subject string) // nil: nobody is told yet
	untold   map[string]bool
	subjects map[string]*policy.Subject
	read     uint64        // sequence of the last commit that has been read
	moved    chan struct{} // closed and replaced when read grows
}

func newRulebook(s *System) *rulebook {
	l := rules.NewLibrary()
	return &rulebook{
		library: l, bond: rules.Shelve[bond.RuleSet](l, "bond"), course: rules.Shelve[bond.CourseRules](l, "bond_course"), crossborder: rules.Shelve[crossborder.RuleSet](l, "crossborder"),
		matching: rules.Shelve[matcher.RuleSet](l, matcher.Subject), appetite: rules.Shelve[appetite.Set](l, "appetite"),
		stack:  rules.Shelve[stack.RuleSet](l, "stack"),
		source: s.logs["policy"], log: s.options.Log.With().Str("part", "rules").Logger(),
		subjects: make(map[string]*policy.Subject), untold: make(map[string]bool), moved: make(chan struct{}),
	}
}

// judge implements policy.Judge.
func (b *rulebook) judge(subject string, sets []policy.Set) (known bool, err error) {
	return b.library.Judge(subject, files(sets))
}

func files(sets []policy.Set) []rules.File {
	list := make([]rules.File, len(sets))
	for i := range sets {
		list[i] = rules.File{ID: sets[i].ID, Content: []byte(sets[i].Content), Until: sets[i].Until}
	}
	return list
}

// run follows the policy ledger until ctx ends.
func (b *rulebook) run(ctx context.Context) error {
	return b.loop.Run(ctx, b.log, func(ctx context.Context) error {
		b.mu.Lock()
		after := b.read
		b.mu.Unlock()
		first, err := b.source.Info(ctx) // what stands there now is history, what comes is a change
		if err != nil {
			return err
		}
		return b.source.Follow(ctx, -1, after, func(s *ledger.Stored) error { return b.apply(s, s.Sequence > first.Last) })
	})
}

// apply reads a commit. A subject of which this program cannot read a rule set keeps the sets it had: the ledger's word stays for the
// program that can.
func (b *rulebook) apply(s *ledger.Stored, live bool) error {
	commit, err := s.Decode()
	if err != nil {
		return err
	}
	touched := make(map[string]*policy.Subject)
	for i := range commit.Events {
		e, err := ledger.Applied(&commit.Events[i])
		if errors.Is(err, events.ErrNewerType) {
			continue
		}
		if err != nil {
			return err
		}
		before, seen := touched[e.Subject]
		if !seen {
			b.mu.Lock()
			before = b.subjects[e.Subject]
			b.mu.Unlock()
		}
		touched[e.Subject] = policy.Evolve(before, e)
	}
	for subject, now := range touched {
		if err := b.library.Learn(subject, files(now.Sets)); err != nil {
			b.log.Error().Err(err).Msg("a rule set cannot be read by this version; the sets before it stay in use / 本版本无法读取新规则，沿用原规则")
		}
	}
	b.mu.Lock()
	for subject, now := range touched {
		b.subjects[subject] = now
		if live && b.changed == nil {
			b.untold[subject] = true
		}
	}
	changed := b.changed
	b.read = s.Sequence
	close(b.moved)
	b.moved = make(chan struct{})
	b.mu.Unlock()
	if live && changed != nil {
		for subject := range touched {
			changed(subject)
		}
	}
	return nil
}

// caughtUp waits until the policy ledger has been read up to a sequence.
func (b *rulebook) caughtUp(ctx context.Context, sequence uint64) error {
	return b.wait(ctx, func() bool { return b.read >= sequence })
}

// complete waits until every subject has rules besides.
func (b *rulebook) complete(ctx context.Context, sequence uint64) error {
	err := b.wait(ctx, func() bool { return b.read >= sequence && len(b.library.Missing()) == 0 })
	if err != nil {
		return fmt.Errorf("allinone: no rules are adopted for %s (is the policy service running? / 规则尚未登记，policy 服务是否在运行？): %w", strings.Join(b.library.Missing(), " "), err)
	}
	return nil
}

// wait asks again whenever a commit has been read.
func (b *rulebook) wait(ctx context.Context, done func() bool) error {
	for {
		b.mu.Lock()
		is, moved := done(), b.moved
		b.mu.Unlock()
		if is {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell names who is to hear of changes from now on. Those that came since the first reading began are told at once.
func (b *rulebook) tell(changed func(subject string)) {
	b.mu.Lock()
	untold := b.untold
	b.changed, b.untold = changed, nil
	b.mu.Unlock()
	for subject := range untold {
		changed(subject)
	}
}

// holds reports whether the ledger has a file under its id.
func (b *rulebook) holds(subject, id string, content []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.subjects[subject]
	return s != nil && slices.ContainsFunc(s.Sets, func(set policy.Set) bool { return set.ID == id && set.Content == string(content) })
}

// openRules brings up this process's reading of the policy ledger, with the rule files of this program in it where it is written here.
func (s *System) openRules(ctx context.Context) error {
	s.run("rules", s.rulebook.run)
	if s.keepers["policy"] != nil {
		if err := s.adoptRules(ctx); err != nil {
			return err
		}
	}
	info, err := s.logs["policy"].Info(ctx)
	if err != nil {
		return err
	}
	return s.rulebook.complete(ctx, info.Last)
}

// adoptRules enters the rule files that this program carries and the ledger does not hold, those of a subject one after another. A file
// that the ledger refuses is not worth a start: what the ledger holds counts.
func (s *System) adoptRules(ctx context.Context) error {
	info, err := s.logs["policy"].Info(ctx)
	if err != nil {
		return err
	}
	if err := s.rulebook.caughtUp(ctx, info.Last); err != nil {
		return err
	}
	carried, err := ruleFiles()
	if err != nil {
		return err
	}
	var tasks []func() error
	for subject, list := range carried {
		tasks = append(tasks, func() error {
			for _, f := range list {
				if s.rulebook.holds(subject, f.ID, f.Content) {
					continue
				}
				_, err := s.sender.Internal(ctx, &step.Command{
					ID: events.DeriveUUID("rules", subject, f.ID, string(f.Content)), Type: events.TypeAdoptRuleSet, Subject: subject, Actor: step.System,
					Data: &events.AdoptRuleSet{ID: f.ID, Content: string(f.Content)},
				})
				var refusal *events.Problem
				if errors.As(err, &refusal) && (events.ErrPolicy.Is(err) || events.ErrRange.Is(err)) {
					s.options.Log.Error().Err(err).Str("rule_set", f.ID).Msg("the ledger does not take this program's rule file; its own word counts / 账本不接受本程序所带的规则文件，以账本为准")
					continue
				}
				if err != nil {
					return fmt.Errorf("allinone: rules: %s: %w", f.ID, err)
				}
			}
			return nil
		})
	}
	return atOnce(tasks)
}

// ruleFiles are the rule files that this program carries, by subject, in order of days.
func ruleFiles() (map[string][]rules.File, error) {
	bySubject := make(map[string][]rules.File)
	err := fs.WalkDir(contracts.Rules(), ".", func(name string, entry fs.DirEntry, err error) error {
		id, isRule := strings.CutSuffix(path.Base(name), ".json")
		if err != nil || entry.IsDir() || !isRule {
			return err
		}
		content, err := fs.ReadFile(contracts.Rules(), name)
		subject, _, _ := strings.Cut(id, ".")
		bySubject[subject] = append(bySubject[subject], rules.File{ID: id, Content: content})
		return err
	})
	for _, list := range bySubject {
		slices.SortFunc(list, func(a, b rules.File) int { return strings.Compare(a.ID, b.ID) })
	}
	return bySubject, err
}

// rulesChanged brings what follows from rules up to date: timers, and the matcher's reading of scores.
func (s *System) rulesChanged(subject string) {
	switch subject {
	case matcher.Subject, "appetite":
		s.matcher.loop.Restart()
	default:
		for _, k := range s.keepers {
			k.Retime()
		}
	}
}
