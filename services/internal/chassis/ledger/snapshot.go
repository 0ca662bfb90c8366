package ledger

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// A snapshot is worth its time after this many events, and not sooner than SnapshotInterval after the one before: encoding
// every entity costs about what deciding as many commands does.
const (
	SnapshotEvents   = 100_000
	SnapshotInterval = 5 * time.Minute
)

// A snapshot is a cache of a fold: a header line of JSON, the entities, the outcomes, and the SHA-256 of all that. It is never
// required, and one that does not fit the log, the fold's version or its own checksum is ignored.
type snapshotHeader struct {
	Format      int       `json:"format"`
	Partition   string    `json:"partition"`
	Created     time.Time `json:"created"` // of the ledger stream
	FoldVersion int       `json:"fold_version"`
	Tip         Tip       `json:"tip"`
	Hash        string    `json:"hash"`
	Entities    int       `json:"entities"`
	Days        int       `json:"days"`
}

const snapshotFormat = 1

func snapshotPath(dir, partition string) string { return filepath.Join(dir, partition+".snapshot") }

// writeSnapshot stores a fold that nobody changes meanwhile.
func writeSnapshot(dir string, created time.Time, f *fold) (err error) {
	path := snapshotPath(dir, f.name)
	file, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("ledger: snapshot: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	buffered := bufio.NewWriterSize(file, 1<<20)
	err = f.encode(buffered, created)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("ledger: snapshot of %s: %w", f.name, err)
	}
	return nil
}

// encode writes a snapshot's bytes.
func (f *fold) encode(to io.Writer, created time.Time) error {
	sum := sha256.New()
	w := io.MultiWriter(to, sum)
	header, err := json.Marshal(snapshotHeader{snapshotFormat, f.name, created, f.machine.FoldVersion(), f.tip, f.tip.Hash.String(), f.state.Len(), len(f.outcomes.days)})
	if err == nil {
		_, err = w.Write(append(header, '\n'))
	}
	if err == nil {
		err = f.state.Range(func(subject string, version uint64, doc []byte) error {
			return writeFrame(w, version, []byte(subject), doc)
		})
	}
	for _, day := range f.outcomes.days {
		if planted.On("snapshot_without_command_ids") {
			day.ids = nil
		}
		if err == nil {
			err = writeDay(w, day, f.outcomes)
		}
	}
	if err == nil {
		_, err = to.Write(sum.Sum(nil))
	}
	return err
}

func writeFrame(w io.Writer, n uint64, parts ...[]byte) error {
	var b [binary.MaxVarintLen64]byte
	if _, err := w.Write(b[:binary.PutUvarint(b[:], n)]); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := w.Write(b[:binary.PutUvarint(b[:], uint64(len(p)))]); err != nil {
			return err
		}
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func writeDay(w io.Writer, d outcomeDay, o *outcomes) error {
	b := make([]byte, 0, 40*len(d.ids))
	for _, id := range d.ids {
		ref := o.refs[id]
		b = append(b, id[:]...)
		b = append(b, ref.body[:]...)
		b = binary.BigEndian.AppendUint64(b, ref.sequence)
	}
	return writeFrame(w, uint64(d.day), b)
}

// snapshotSource reads a partition's snapshot; fs.ErrNotExist when there is none.
type snapshotSource func(partition string) ([]byte, error)

func fileSnapshot(dir string) snapshotSource {
	return func(partition string) ([]byte, error) { return os.ReadFile(snapshotPath(dir, partition)) }
}

// loadSnapshot returns the fold of a snapshot, or fs.ErrNotExist, or why it can't be used.
func loadSnapshot(source snapshotSource, created time.Time, machine step.Machine, partition int) (*fold, error) {
	f := newFold(machine, partition)
	b, err := source(f.name)
	if err != nil {
		return nil, err
	}
	if len(b) < sha256.Size {
		return nil, errors.New("too short")
	}
	body, want := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], want) {
		return nil, errors.New("its checksum is wrong")
	}
	line, rest, ok := bytes.Cut(body, []byte{'\n'})
	var h snapshotHeader
	if !ok || json.Unmarshal(line, &h) != nil {
		return nil, errors.New("it has no header")
	}
	switch {
	case h.Format != snapshotFormat || h.FoldVersion != machine.FoldVersion() && !planted.On("snapshot_of_another_fold"):
		return nil, fmt.Errorf("it is of format %d and fold version %d", h.Format, h.FoldVersion)
	case h.Partition != f.name:
		return nil, fmt.Errorf("it is of partition %s", h.Partition)
	case !h.Created.Equal(created):
		return nil, fmt.Errorf("it is of a ledger created at %s", h.Created)
	}
	f.tip = h.Tip
	if len(h.Hash) != hex.EncodedLen(len(f.tip.Hash)) {
		return nil, errors.New("it has no hash")
	}
	if _, err := hex.Decode(f.tip.Hash[:], []byte(h.Hash)); err != nil {
		return nil, errors.New("it has no hash")
	}
	r := frames{rest}
	for range h.Entities {
		version, parts, ok := r.next(2)
		if !ok {
			return nil, errors.New("it ends early")
		}
		if err := f.state.Load(string(parts[0]), version, parts[1]); err != nil {
			return nil, err
		}
	}
	for range h.Days {
		day, parts, ok := r.next(1)
		if !ok || len(parts[0])%40 != 0 {
			return nil, errors.New("it ends early")
		}
		d := outcomeDay{day: int64(day)}
		for b := parts[0]; len(b) > 0; b = b[40:] {
			id := events.UUID(b[:16])
			f.outcomes.refs[id] = outcomeRef{bodyHash(b[16:32]), binary.BigEndian.Uint64(b[32:40])}
			d.ids = append(d.ids, id)
		}
		f.outcomes.days = append(f.outcomes.days, d)
	}
	return f, nil
}

type frames struct{ b []byte }

func (r *frames) uvarint() (uint64, bool) {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		return 0, false
	}
	r.b = r.b[size:]
	return n, true
}

func (r *frames) next(count int) (n uint64, parts [][]byte, ok bool) {
	if n, ok = r.uvarint(); !ok {
		return 0, nil, false
	}
	for range count {
		size, ok := r.uvarint()
		if !ok || uint64(len(r.b)) < size {
			return 0, nil, false
		}
		parts = append(parts, r.b[:size:size])
		r.b = r.b[size:]
	}
	return n, parts, true
}

var errReached = errors.New("ledger: reached")

// restore builds a fold: the snapshot, where it fits, and the tail of the log. It returns why a snapshot was not used.
// progress is called now and then; it may be nil.
func restore(ctx context.Context, log Log, created time.Time, machine step.Machine, partition int, snapshot snapshotSource, progress func(done, last uint64)) (f *fold, ignored error, err error) {
	last, err := log.Last(ctx, partition)
	if errors.Is(err, ErrNone) {
		last, err = &Stored{}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	f, ignored = loadSnapshot(snapshot, created, machine, partition)
	if errors.Is(ignored, fs.ErrNotExist) {
		ignored = nil
	}
	if f != nil && f.tip.Sequence > 0 { // one of an empty partition fits any log
		// The snapshot must be of this log: the commit it stands on is there, with the hash it names.
		at, err := log.Get(ctx, f.tip.Sequence)
		switch {
		case f.tip.Sequence > last.Sequence:
			end := &Commit{}
			if last.Sequence > 0 {
				if end, err = last.Decode(); err != nil {
					return nil, nil, err
				}
			}
			return nil, nil, &TailLossError{f.name, end.Number, last.Sequence, Head{f.tip.Sequence, f.tip.Number, f.tip.Hash.String()}, "snapshot"}
		case errors.Is(err, ErrNone):
			return nil, nil, &ChainError{f.name, f.tip.Sequence, "the snapshot was taken on a commit that the log does not have"}
		case err != nil:
			return nil, nil, err
		case at.Hash() != f.tip.Hash && !planted.On("snapshot_of_another_log"):
			return nil, nil, &ChainError{f.name, f.tip.Sequence, "the snapshot was taken on a commit with another hash"}
		}
	}
	if f == nil {
		f = newFold(machine, partition)
	}
	if f.tip.Sequence < last.Sequence {
		err = log.Follow(ctx, partition, f.tip.Sequence, func(s *Stored) error {
			if err := f.absorb(s); err != nil {
				return err
			}
			if progress != nil && f.tip.Number%64 == 0 {
				progress(s.Sequence, last.Sequence)
			}
			if s.Sequence >= last.Sequence {
				return errReached
			}
			return nil
		})
		if !errors.Is(err, errReached) {
			return nil, ignored, err
		}
	}
	return f, ignored, nil
}
