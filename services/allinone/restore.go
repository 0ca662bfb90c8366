package allinone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// ErrNotEmpty refuses to restore over something.
var ErrNotEmpty = errors.New("allinone: a backup is restored into an empty place only / 只能恢复到空目录或空集群")

// Restore makes the ledgers and contacts of a backup anew: in an empty data directory, or on a broker elsewhere whose ledgers are empty.
// The whole file is checked before anything is written. Commits keep their sequences and hashes, so heads, positions and cursors
// (which are origins) stay true; streams are new, so what derives from the ledgers is made anew at the first start. A restore that
// is cut short leaves a directory that refuses to serve: its heads are written first.
func Restore(ctx context.Context, o Options, file io.ReadSeeker, progress func(done, total int)) (*Manifest, error) {
	if entries, err := os.ReadDir(o.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("allinone: restore: %w", err)
	} else if len(entries) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrNotEmpty, o.Dir)
	}
	b := &backup{}
	if err := b.read(file); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("allinone: restore: %w", err)
	}
	o.HTTP, o.NATS, o.Store, o.Partitions = off, off, "memory", b.manifest.Partitions
	s := fresh(o)
	if err := s.options.Validate(); err != nil {
		return nil, err
	}
	err := s.restore(ctx, b, file, progress)
	return &b.manifest, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
}

func (s *System) restore(ctx context.Context, b *backup, file io.Reader, progress func(done, total int)) error {
	if _, err := s.openParts(ctx); err != nil {
		return err
	}
	if s.broker.url != "" {
		if err := s.elected(ctx); err != nil {
			return err
		}
	}
	var err error
	if s.vault, err = ledger.OpenVault(ctx, s.conn, s.options.Replicas, s.limits[contactsName]); err != nil {
		return err
	}
	s.jet, err = ledger.NewJetStream(ctx, ledger.JetStreamConfig{Conn: s.conn, Replicas: s.options.Replicas, LeaseTTL: s.options.LeaseTTL, Limits: s.limits, Log: s.options.Log})
	if err != nil {
		return err
	}
	if err := s.openLedgers(ctx); err != nil {
		return err
	}
	for _, name := range events.Contexts {
		info, err := s.logs[name].Info(ctx)
		if err != nil {
			return err
		}
		if info.Last > 0 {
			return fmt.Errorf("%w: %s", ErrNotEmpty, events.LedgerStream(name))
		}
	}
	for name, links := range b.links {
		for i, tip := range links.Tips {
			if tip.Number > 0 {
				s.heads.Set(ledger.PartitionName(name, i), tip)
			}
		}
	}
	if err := s.heads.Flush(); err != nil {
		return err
	}
	total, last := b.commits, make(map[string]uint64) // by partition
	b.commit = func(name string, c *ledger.Stored) error {
		key := ledger.PartitionName(name, c.Partition)
		sequence, err := s.logs[name].Append(ctx, c.Partition, last[key], c.Body)
		if err == nil && sequence != c.Sequence {
			err = fmt.Errorf("stored at sequence %d instead of %d: somebody else writes", sequence, c.Sequence)
		}
		last[key] = c.Sequence
		if progress != nil {
			progress(b.commits, total)
		}
		return err
	}
	b.contact = func(ref string, entry []byte) error { return s.vault.Restore(ctx, ref, entry) }
	return b.read(file)
}
