package allinone

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/bus"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// Parties with credentials have a folder each, credentials/parties/<id>: the processes of a system share it, and the broker's
// configuration and the tokens follow from it.
const (
	partiesFolder = "parties"
	partyReader   = "nats"        // password of the party's user
	partyWriter   = "writer.nats" // password of who writes its view
	partyToken    = "token"       // for HTTP, with the party's id in front
	partyRevoked  = "revoked"     // there: neither user nor token
)

// PartyStream is the stream of a party's view, in the party's own account.
const PartyStream = "VIEW"

// partySecrets are one party's.
type partySecrets struct {
	id, reader, writer, token string
	revoked                   bool
}

// Names on the broker. No id of a party has a point in it, and no other user's name has one.
func partyAccount(id string) string    { return "PARTY_" + id }
func partyUser(id string) string       { return "party." + id }
func partyViewWriter(id string) string { return "view." + id }

// parties reads the folders, in the order of ids.
func (d *directory) parties() ([]partySecrets, error) {
	entries, err := os.ReadDir(filepath.Join(d.credentials, partiesFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("allinone: credentials: %w", err)
	}
	var list []partySecrets
	for _, e := range entries {
		if !e.IsDir() || !events.ValidID(e.Name()) {
			continue
		}
		p, err := d.party(e.Name())
		if errors.Is(err, fs.ErrNotExist) { // being made
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, *p)
	}
	return list, nil
}

func (d *directory) atParty(id string, name ...string) string {
	return filepath.Join(append([]string{d.credentials, partiesFolder, id}, name...)...)
}

// party reads one party's secrets.
func (d *directory) party(id string) (*partySecrets, error) {
	p := &partySecrets{id: id}
	for name, into := range p.files() {
		b, err := os.ReadFile(d.atParty(id, name))
		if *into = strings.TrimSpace(string(b)); err != nil || *into == "" {
			return nil, fmt.Errorf("allinone: credentials: %w", cmp.Or(err, fs.ErrNotExist))
		}
	}
	_, err := os.Stat(d.atParty(id, partyRevoked))
	p.revoked = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("allinone: credentials: %w", err)
	}
	return p, nil
}

func (p *partySecrets) files() map[string]*string {
	return map[string]*string{partyReader: &p.reader, partyWriter: &p.writer, partyToken: &p.token}
}

// admit gives a party credentials, new ones where it had some that were revoked or are renewed.
func (d *directory) admit(id string, renew bool) (*partySecrets, error) {
	if err := os.MkdirAll(d.atParty(id), 0o700); err != nil {
		return nil, fmt.Errorf("allinone: credentials: %w", err)
	}
	have, err := d.party(id)
	if err == nil && (have.revoked || renew) {
		for _, name := range []string{partyReader, partyToken, partyRevoked} { // the mark last: what it bars must be gone before it is
			if err := os.Remove(d.atParty(id, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("allinone: credentials: %w", err)
			}
		}
	}
	p := &partySecrets{id: id}
	for name, into := range p.files() {
		if *into, err = secret(d.atParty(id, name)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// bar ends a party's credentials.
func (d *directory) bar(id string) error {
	if err := os.WriteFile(d.atParty(id, partyRevoked), nil, 0o600); err != nil {
		return fmt.Errorf("allinone: credentials: %w", err)
	}
	return nil
}

// bearer is the party's token: its id leads to the secret, so a token of a party that has come meanwhile is known everywhere.
func (p *partySecrets) bearer() string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.id)) + "." + p.token
}

// partyOfToken finds the party that a token belongs to.
func (d *directory) partyOfToken(token string) (id string, ok bool) {
	name, given, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(name)
	if id = string(raw); err != nil || !events.ValidID(id) {
		return "", false
	}
	p, err := d.party(id)
	if err != nil || p.revoked || subtle.ConstantTimeCompare([]byte(p.token), []byte(given)) != 1 {
		return "", false
	}
	return id, true
}

// recipients are all who have a view: the departments and the parties with credentials.
func (s *System) recipients() ([]string, error) {
	var list []string
	for _, d := range s.departments {
		list = append(list, d.ID)
	}
	parties, err := s.dir.parties()
	for _, p := range parties {
		list = append(list, p.id)
	}
	return list, err
}

// views are the VIEW streams by recipient. Those of departments are opened at the start, those of parties when they are first asked for.
type views struct {
	open func(ctx context.Context, recipient string) (*ledger.Derived, error)

	mu   sync.Mutex
	list map[string]*ledger.Derived
}

// of is a recipient's view; the error is a refusal where there is none.
func (v *views) of(ctx context.Context, recipient string) (*ledger.Derived, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if d, ok := v.list[recipient]; ok {
		return d, nil
	}
	d, err := v.open(ctx, recipient)
	if err == nil {
		v.list[recipient] = d
	}
	return d, err
}

// add is for views that are opened side by side.
func (v *views) add(recipient string, d *ledger.Derived) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list[recipient] = d
}

// openView connects as who writes a recipient's view and opens it.
func (s *System) openView(ctx context.Context, recipient string) (*ledger.Derived, error) {
	user, password, stream := recipient+"-"+viewWriter, s.broker.writers[recipient], events.ViewStream(recipient)
	connect := s.connect
	if password == "" {
		if !events.ValidID(recipient) {
			return nil, noView(recipient)
		}
		p, err := s.dir.party(recipient)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, noView(recipient)
		}
		if err != nil {
			return nil, err
		}
		user, password, stream = partyViewWriter(recipient), p.writer, PartyStream
		connect = func(ctx context.Context, name, user, password string) (*nats.Conn, error) { // no metrics of each: there may be thousands
			return s.dial(ctx, name, user, password, &bus.ConnCounters{})
		}
	}
	s.ending.Lock()
	conn := s.viewing[recipient]
	s.ending.Unlock()
	if conn == nil { // not yet, by an attempt before
		var err error
		if conn, err = connect(ctx, "view-"+recipient, user, password); err != nil {
			return nil, err
		}
		s.ending.Lock()
		s.viewing[recipient] = conn
		s.ending.Unlock()
	}
	return ledger.OpenDerived(ctx, conn, conn, stream, "what "+recipient+" may see", s.limits[stream], "jieli.view."+recipient+".>")
}

// departmentViews are the views that are watched one by one; there may be thousands of parties'.
func (s *System) departmentViews() []*ledger.Derived {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	var list []*ledger.Derived
	for _, d := range s.departments {
		if view, ok := s.views.list[d.ID]; ok {
			list = append(list, view)
		}
	}
	return list
}

func noView(recipient string) error {
	return events.ErrNotFound.Refusef("/view", "没有视图 %s", "there is no view %s", strconv.Quote(recipient))
}
