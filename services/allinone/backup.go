package allinone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/archive"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// Manifest is the first entry of a backup, manifest.json.
type Manifest struct {
	Format     string            `json:"format"`
	Version    string            `json:"version"` // of the program that took it
	TakenAt    time.Time         `json:"taken_at"`
	Partitions int               `json:"partitions"` // of each ledger
	Ledgers    map[string]uint64 `json:"ledgers"`    // by context: the sequence up to which it is in the backup
	Holds      string            `json:"holds"`      // in words, for who finds the file
}

// backupFormat names what the entries mean. Another meaning gets another name.
const (
	backupFormat = "jieli-backup.v1"
	backupHolds  = "the ledgers and the contacts; no credentials: copy the folder credentials by itself. What derives from the ledgers is made anew / 账本与联系信息；不含凭证，请另行备份 credentials 目录；派生数据恢复后自动重建"
	manifestFile = "manifest.json"
	headsFile    = "heads.json"
	contactsList = "contacts"
)

func ledgerList(context string) string { return "ledgers/" + events.LedgerStream(context) }

type contactLine struct {
	Ref   string          `json:"ref"`
	Entry json.RawMessage `json:"entry"`
}

var errTaken = errors.New("allinone: the backup has what it wanted")

// Backup writes the ledgers as they are now and the contacts into an archive, while the system goes on. Every command acknowledged
// before the call is in it.
func (s *System) Backup(ctx context.Context, w io.Writer) error {
	m := Manifest{Format: backupFormat, Version: s.options.Version, TakenAt: time.Now().UTC(), Partitions: s.options.Partitions, Ledgers: make(map[string]uint64), Holds: backupHolds}
	// What follows from something comes first: its causes, read later, are in the backup too.
	for _, name := range slices.Backward(events.Contexts) {
		info, err := s.logs[name].Info(ctx)
		if err != nil {
			return fmt.Errorf("allinone: backup: %w", err)
		}
		m.Ledgers[name] = info.Last
	}
	out := archive.NewWriter(w, m.TakenAt)
	body, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = out.File(manifestFile, append(body, '\n'))
	}
	heads := make(map[string]ledger.Head)
	for _, name := range events.Contexts {
		if err == nil {
			err = s.backupLedger(ctx, out, name, m.Ledgers[name], heads)
		}
	}
	if err == nil {
		err = s.vault.Range(ctx, func(ref string, entry []byte) error {
			line, err := json.Marshal(contactLine{ref, entry})
			if err != nil {
				return err
			}
			return out.Line(contactsList, line)
		})
	}
	if err == nil {
		body, err = json.Marshal(heads)
	}
	if err == nil {
		err = out.File(headsFile, body)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		return fmt.Errorf("allinone: backup: %w", err)
	}
	return nil
}

func (s *System) backupLedger(ctx context.Context, out *archive.Writer, name string, to uint64, heads map[string]ledger.Head) error {
	links := ledger.Links{Context: name, Tips: make([]ledger.Tip, s.options.Partitions)}
	if to == 0 {
		return nil
	}
	err := s.logs[name].Follow(ctx, -1, 0, func(c *ledger.Stored) error {
		if err := links.Add(c); err != nil { // a backup of a damaged ledger would be believed
			return err
		}
		if err := out.Line(ledgerList(name), commitLine(c)); err != nil {
			return err
		}
		if c.Sequence == to {
			return errTaken
		}
		return nil
	})
	if !errors.Is(err, errTaken) {
		return errors.Join(err, ctx.Err())
	}
	for i, tip := range links.Tips {
		if tip.Number > 0 {
			heads[ledger.PartitionName(name, i)] = ledger.Head{Sequence: tip.Sequence, Number: tip.Number, Hash: tip.Hash.String()}
		}
	}
	return nil
}

// commitLine keeps the commit's bytes as they are: the next commit names their hash.
func commitLine(c *ledger.Stored) []byte {
	return fmt.Appendf(nil, `{"sequence":%d,"partition":%d,"sha256":%q,"commit":%s}`, c.Sequence, c.Partition, c.Hash().String(), c.Body)
}

// backup is what a reader of an archive has seen of it.
type backup struct {
	manifest Manifest
	links    map[string]*ledger.Links
	commits  int
	heads    map[string]ledger.Head
	commit   func(context string, c *ledger.Stored) error // may be nil
	contact  func(ref string, entry []byte) error         // may be nil
}

// ReadManifest holds a whole backup to its sums, its chains and its manifest, and returns that and the number of commits.
func ReadManifest(r io.Reader) (*Manifest, int, error) {
	b := backup{}
	if err := b.read(r); err != nil {
		return nil, 0, err
	}
	return &b.manifest, b.commits, nil
}

func (b *backup) read(r io.Reader) error {
	b.links, b.commits = make(map[string]*ledger.Links), 0
	if err := archive.Read(r, b.visit); err != nil {
		return err
	}
	if b.heads == nil {
		return &archive.DamagedError{Entry: headsFile, Why: "it is missing"}
	}
	for name, to := range b.manifest.Ledgers {
		if b.links[name].Last != to {
			return &archive.DamagedError{Entry: ledgerList(name), Why: fmt.Sprintf("it ends with sequence %d, the manifest says %d", b.links[name].Last, to)}
		}
		for i, tip := range b.links[name].Tips {
			if key := ledger.PartitionName(name, i); tip.Number > 0 && b.heads[key] != (ledger.Head{Sequence: tip.Sequence, Number: tip.Number, Hash: tip.Hash.String()}) {
				return &archive.DamagedError{Entry: headsFile, Why: "the head of " + key + " is another"}
			}
		}
	}
	return nil
}

func (b *backup) visit(entry string, _ int, body []byte) error {
	switch list, _, _ := strings.Cut(strings.TrimPrefix(entry, "ledgers/"), "/"); {
	case entry == manifestFile:
		if err := json.Unmarshal(body, &b.manifest); err != nil {
			return err
		}
		if b.manifest.Format != backupFormat || b.manifest.Partitions < 1 || b.manifest.Partitions > partitionsMax {
			return fmt.Errorf("format %q with %d partitions; this program reads %s", b.manifest.Format, b.manifest.Partitions, backupFormat)
		}
		for name := range b.manifest.Ledgers {
			if !slices.Contains(events.Contexts, name) {
				return fmt.Errorf("a ledger %q, which this program does not know", name)
			}
			b.links[name] = &ledger.Links{Context: name, Tips: make([]ledger.Tip, b.manifest.Partitions)}
		}
		return nil
	case entry == headsFile:
		return json.Unmarshal(body, &b.heads)
	case strings.HasPrefix(entry, contactsList+"/"):
		var c contactLine
		if err := json.Unmarshal(body, &c); err != nil || b.contact == nil {
			return err
		}
		return b.contact(c.Ref, c.Entry)
	default:
		for name, links := range b.links {
			if list == events.LedgerStream(name) {
				return b.add(name, links, body)
			}
		}
		return errors.New("an entry that this program does not know")
	}
}

func (b *backup) add(name string, links *ledger.Links, body []byte) error {
	var line struct {
		Sequence  uint64          `json:"sequence"`
		Partition int             `json:"partition"`
		Hash      string          `json:"sha256"`
		Commit    json.RawMessage `json:"commit"`
	}
	if err := json.Unmarshal(body, &line); err != nil {
		return err
	}
	c := &ledger.Stored{Sequence: line.Sequence, Partition: line.Partition, Body: bytes.Clone(line.Commit)}
	if c.Hash().String() != line.Hash {
		return errors.New("the commit with sequence " + strconv.FormatUint(line.Sequence, 10) + " has another SHA-256")
	}
	if err := links.Add(c); err != nil {
		return err
	}
	if b.commits++; b.commit == nil {
		return nil
	}
	return b.commit(name, c)
}

// handleBackup answers with the archive. One that is cut short lacks its last entry, and who reads it says so.
func (s *System) handleBackup(w http.ResponseWriter, r *http.Request) error {
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<10)); err != nil {
		return events.ErrTooLarge.Refuse("", "此操作不需要内容", "this takes no content")
	}
	w.Header().Set("Content-Type", "application/gzip")
	if err := s.Backup(r.Context(), w); err != nil {
		s.options.Log.Error().Err(err).Msg("a backup could not be finished / 备份未能完成")
		panic(http.ErrAbortHandler) // the answer has begun: only an end in the middle says that it is not whole
	}
	return nil
}
