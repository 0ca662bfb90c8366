package allinone

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// seeds are the departments, their local offices and the default grants as commands. Their ids derive from their content, so a later
// start repeats them without effect, and a changed file is a new command.
type seeds struct {
	s        *System
	note     []byte                       // of what is seeded here, for the file beside the ledger
	noted    bool                         // a start before this one has given them all
	commands map[string][][]*step.Command // by context, one wave after another
}

func (s *System) seeds(grants []contracts.Grant) (*seeds, error) {
	// What was seeded is noted beside the ledger, so that most starts need not ask for outcomes they have seen.
	content, err := json.Marshal(map[string]any{"departments": s.departments, "grants": grants, "ledgers": s.created})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	l := &seeds{s: s, note: []byte(hex.EncodeToString(sum[:]) + "\n"), commands: make(map[string][][]*step.Command)}
	have, err := os.ReadFile(s.dir.at("seeded"))
	l.noted = err == nil && bytes.Equal(have, l.note)
	var given, parties, units []*step.Command
	for _, d := range s.departments {
		parties = append(parties, seed(events.TypeRegisterParty, d.ID, &events.RegisterParty{ID: d.ID, Kind: d.Kind, Name: d.Name, Region: d.Region}))
		for _, u := range d.Units {
			units = append(units, seed(events.TypeAddUnit, d.ID, &events.Unit{Unit: u.Unit, Kind: u.Kind, Name: u.Name, Region: u.Region}))
		}
	}
	for _, g := range grants {
		given = append(given, seed(events.TypeGrant, g.Department, &events.Grant{
			Grant: g.Grant, Purpose: g.Purpose, Basis: g.Basis, Regions: g.Regions, Types: g.Types, Until: events.Date(g.Until),
		}))
	}
	l.commands["sharing"], l.commands["party"] = [][]*step.Command{given}, [][]*step.Command{parties, units}
	return l, nil
}

// seed is a command whose id derives from what it says.
func seed(typ, subject string, data any) *step.Command {
	content, err := json.Marshal(data)
	if err != nil {
		panic(err) // cannot be: the payloads are plain data
	}
	return &step.Command{ID: events.DeriveUUID("seed", typ, subject, string(content)), Type: typ, Subject: subject, Actor: step.System, Data: data}
}

// give enters what is seeded in a context, where its ledger is written here. A grant that comes when there is something to see already
// has a view written anew.
func (l *seeds) give(ctx context.Context, context string) error {
	if l.noted || !l.s.options.writes(context) {
		return nil
	}
	for _, wave := range l.commands[context] {
		if err := l.s.giveAll(ctx, wave); err != nil {
			return fmt.Errorf("allinone: seed: %w", err)
		}
	}
	return nil
}

// given notes that everything has been entered.
func (l *seeds) given() error {
	if l.noted {
		return nil
	}
	return os.WriteFile(l.s.dir.at("seeded"), l.note, 0o600)
}

// giveAll gives commands at once and waits for all answers.
func (s *System) giveAll(ctx context.Context, list []*step.Command) error {
	var wait sync.WaitGroup
	failed := make(chan error, len(list))
	for _, c := range list {
		wait.Add(1)
		go func() {
			defer wait.Done()
			_, err := s.sender.Internal(ctx, c)
			for err != nil && (events.ErrUnavailable.Is(err) || events.ErrUnknown.Is(err)) && ctx.Err() == nil { // a busy machine: the start has its own end
				_, err = s.sender.Internal(ctx, c)
			}
			if err != nil {
				failed <- fmt.Errorf("%s of %s: %w", c.Type, c.Subject, err)
			}
		}()
	}
	wait.Wait()
	close(failed)
	return <-failed
}
