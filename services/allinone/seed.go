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

// seed enters the departments, their local offices and the default grants as commands. Their ids derive from their content, so
// a later start repeats them without effect, and a changed file is a new command.
func (s *System) seed(ctx context.Context, departments []contracts.Department, grants []contracts.Grant) error {
	// What was seeded is noted beside the ledger, so that most starts need not ask for outcomes they have seen.
	content, err := json.Marshal(map[string]any{"departments": departments, "grants": grants, "ledgers": s.created})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	note := []byte(hex.EncodeToString(sum[:]) + "\n")
	if have, err := os.ReadFile(s.dir.at("seeded")); err == nil && bytes.Equal(have, note) {
		return nil
	}
	// Grants come before there is anything to see: a grant that comes too late has a view written anew. Units come after their party.
	var commands [3][]*step.Command
	add := func(wave int, typ, subject string, data any) error {
		content, err := json.Marshal(data)
		if err != nil {
			return err
		}
		commands[wave] = append(commands[wave], &step.Command{
			ID: events.DeriveUUID("seed", typ, subject, string(content)), Type: typ, Subject: subject, Actor: step.System, Data: data,
		})
		return nil
	}
	for _, d := range departments {
		if !s.options.has("registry") {
			break
		}
		if err := add(1, events.TypeRegisterParty, d.ID, &events.RegisterParty{ID: d.ID, Kind: d.Kind, Name: d.Name, Region: d.Region}); err != nil {
			return err
		}
		for _, u := range d.Units {
			if err := add(2, events.TypeAddUnit, d.ID, &events.Unit{Unit: u.Unit, Kind: u.Kind, Name: u.Name, Region: u.Region}); err != nil {
				return err
			}
		}
	}
	for _, g := range grants {
		if !s.options.has("sharing") {
			break
		}
		if err := add(0, events.TypeGrant, g.Department, &events.Grant{
			Grant: g.Grant, Purpose: g.Purpose, Basis: g.Basis, Regions: g.Regions, Types: g.Types, Until: events.Date(g.Until),
		}); err != nil {
			return err
		}
	}
	for _, wave := range commands {
		if err := s.giveAll(ctx, wave); err != nil {
			return fmt.Errorf("allinone: seed: %w", err)
		}
	}
	return os.WriteFile(s.dir.at("seeded"), note, 0o600)
}

// giveAll gives commands at once and waits for all answers.
func (s *System) giveAll(ctx context.Context, list []*step.Command) error {
	var wait sync.WaitGroup
	failed := make(chan error, len(list))
	for _, c := range list {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if _, err := s.sender.Internal(ctx, c); err != nil {
				failed <- fmt.Errorf("%s of %s: %w", c.Type, c.Subject, err)
			}
		}()
	}
	wait.Wait()
	close(failed)
	return <-failed
}
