package ledger

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// Vault keeps personal data outside the ledger, where it can be erased: one message per reference, overwritten on erasure.
type Vault struct {
	js     jetstream.JetStream
	stream jetstream.Stream
}

const (
	vaultStream  = "CONTACTS"
	vaultSubject = "jieli.contact."
)

// ErrErased: there is nothing under the reference, or no longer.
var ErrErased = errors.New("ledger: no personal data under this reference")

type vaultEntry struct {
	Key     []byte `json:"key"` // of the keyed hash; goes with the content
	Content []byte `json:"content"`
}

// OpenVault opens or creates the store of personal data, of at most bytesMax (0: no limit); a full one takes nothing more.
func OpenVault(ctx context.Context, conn *nats.Conn, replicas int, bytesMax int64) (*Vault, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("ledger: vault: %w", err)
	}
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: vaultStream, Description: "personal data, erasable; the ledger holds references and keyed hashes",
		Subjects: []string{vaultSubject + "*"}, Replicas: replicas, MaxMsgSize: 16 << 10, MaxBytes: bytesMax, Discard: jetstream.DiscardNew,
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: vault: %w", err)
	}
	return &Vault{js, stream}, nil
}

// Put stores content for an owner: the entity and the command it came with, so that a repeated command finds its first entry
// and leaves no second copy behind. The reference tells nothing of the content.
func (v *Vault) Put(ctx context.Context, owner string, content []byte) (ref, hash string, err error) {
	ref = events.DeriveUUID("contact", owner).String()
	var e vaultEntry
	before := uint64(0)
	m, err := v.last(ctx, ref)
	switch {
	case err == nil:
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return "", "", fmt.Errorf("ledger: vault entry %s: %w", ref, err)
		}
		before = m.Sequence
	case !errors.Is(err, ErrErased):
		return "", "", err
	}
	if !bytes.Equal(e.Content, content) {
		e = vaultEntry{Key: make([]byte, 32), Content: content}
		rand.Read(e.Key) // never fails (crypto/rand)
		body, err := json.Marshal(e)
		if err != nil {
			return "", "", err
		}
		if _, err := v.js.Publish(ctx, vaultSubject+ref, body); err != nil {
			return "", "", fmt.Errorf("ledger: vault: %w", err)
		}
		if before > 0 {
			if err := v.overwrite(ctx, before); err != nil {
				return "", "", err
			}
		}
	}
	mac := hmac.New(sha256.New, e.Key)
	mac.Write(content)
	return ref, hex.EncodeToString(mac.Sum(nil)), nil
}

func (v *Vault) last(ctx context.Context, ref string) (*jetstream.RawStreamMsg, error) {
	if _, err := events.ParseUUID(ref); err != nil {
		return nil, ErrErased
	}
	m, err := v.stream.GetLastMsgForSubject(ctx, vaultSubject+ref)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, ErrErased
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: vault: %w", err)
	}
	return m, nil
}

// Get returns the content, or ErrErased.
func (v *Vault) Get(ctx context.Context, ref string) ([]byte, error) {
	m, err := v.last(ctx, ref)
	if err != nil {
		return nil, err
	}
	var e vaultEntry
	if err := json.Unmarshal(m.Data, &e); err != nil {
		return nil, fmt.Errorf("ledger: vault entry %s: %w", ref, err)
	}
	return e.Content, nil
}

// Erase overwrites the content and its key on disk. Erasing what is not there is no error.
func (v *Vault) Erase(ctx context.Context, ref string) error {
	for { // more than one when a Put that replaced content was cut short
		m, err := v.last(ctx, ref)
		if errors.Is(err, ErrErased) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := v.overwrite(ctx, m.Sequence); err != nil {
			return err
		}
	}
}

// overwrite removes one message from the file. The stream has no limit per subject: one that it enforces removes without overwriting.
func (v *Vault) overwrite(ctx context.Context, sequence uint64) error {
	if planted.On("contact_left_on_disk") {
		return v.stream.DeleteMsg(ctx, sequence)
	}
	if err := v.stream.SecureDeleteMsg(ctx, sequence); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("ledger: vault: %w", err)
	}
	return nil
}

// Range tells of every entry as it is stored, until the newest of the moment it is called. It is how a backup takes them.
func (v *Vault) Range(ctx context.Context, visit func(ref string, entry []byte) error) error {
	info, err := v.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("ledger: vault: %w", err)
	}
	for next := uint64(1); next <= info.State.LastSeq; {
		m, err := v.stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(vaultSubject+"*"))
		if errors.Is(err, jetstream.ErrMsgNotFound) { // the rest has been erased
			return nil
		}
		if err != nil {
			return fmt.Errorf("ledger: vault: %w", err)
		}
		if err := visit(strings.TrimPrefix(m.Subject, vaultSubject), m.Data); err != nil {
			return err
		}
		next = m.Sequence + 1
	}
	return nil
}

// Restore stores an entry that Range has told of.
func (v *Vault) Restore(ctx context.Context, ref string, entry []byte) error {
	if _, err := events.ParseUUID(ref); err != nil {
		return fmt.Errorf("ledger: vault: reference %.60q: %w", ref, err)
	}
	if _, err := v.js.Publish(ctx, vaultSubject+ref, entry); err != nil {
		return fmt.Errorf("ledger: vault: %w", err)
	}
	return nil
}
