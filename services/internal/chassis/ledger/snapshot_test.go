package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

func snapshotOf(t *testing.T, b ledger.Broker, dir string, f *ledger.Fold) {
	t.Helper()
	log, err := b.OpenLog(within(t), ledgertest.Context, 1)
	if err != nil {
		t.Fatal(err)
	}
	info, err := log.Info(within(t))
	if err == nil {
		err = ledger.WriteSnapshot(dir, info.Created, f)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestSnapshotAndTail: a snapshot at any commit and the rest of the log give what the log alone gives, byte for byte.
func TestSnapshotAndTail(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		dir := t.TempDir()
		n := openNode(t, b, dir)
		bank := newBank(t, b, 1)
		for i := range 20 {
			bank.must(depositUntil(fmt.Sprintf("acc-%d", i%3), fmt.Sprintf("r%d", i), int64(i+1), time.Now().Add(time.Hour)))
		}
		snapshotOf(t, b, dir, refold(t, b, 1, 0))
		for i := range 10 {
			bank.must(withdraw(fmt.Sprintf("acc-%d", i%3), fmt.Sprintf("r%d", i)))
		}
		n.close()
		whole := refold(t, b, 1, 0)
		f, ignored, err := restored(t, b, 1, 0, dir)
		if err != nil || ignored != nil {
			t.Fatal(err, ignored)
		}
		if dump(t, f.FoldState()) != dump(t, whole.FoldState()) || f.FoldTip() != whole.FoldTip() || f.Remembered() != whole.Remembered() || f.Remembered() != 30 {
			t.Errorf("snapshot and tail: %+v\n%s\nthe log: %+v\n%s", f.FoldTip(), dump(t, f.FoldState()), whole.FoldTip(), dump(t, whole.FoldState()))
		}
		at, _ := f.FoldState().NextDue()
		if want, _ := whole.FoldState().NextDue(); !at.Equal(want) || at.IsZero() {
			t.Errorf("next timer at %s from the snapshot, at %s from the log", at, want)
		}
		bank.audit(b, 1)
	})
}

// TestSnapshotAtClose: enough events since the last one make a snapshot at the end, and the next start uses it.
func TestSnapshotAtClose(t *testing.T) {
	b := ledger.NewMemory(20 * time.Second)
	dir := t.TempDir()
	n := openNode(t, b, dir)
	bank := newBank(t, b, 1)
	bank.must(note("a", "events:20:10"))
	n.close()
	if _, err := os.Stat(ledger.SnapshotPath(dir, "offer.0")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a snapshot for 20 events: %v", err)
	}
	n = openNode(t, b, dir)
	for range 10 {
		bank.must(note("a", "events:100:10"))
	}
	n.close()
	f, ignored, err := restored(t, b, 1, 0, dir)
	if err != nil || ignored != nil || f.FoldTip().Number != 11 {
		t.Fatal(err, ignored)
	}
	log, _ := b.OpenLog(within(t), ledgertest.Context, 1)
	info, _ := log.Info(within(t))
	loaded, err := ledger.LoadSnapshot(dir, info.Created, ledgertest.NewAccount(1), 0)
	if err != nil || loaded.FoldTip() != f.FoldTip() || dump(t, loaded.FoldState()) != dump(t, f.FoldState()) {
		t.Errorf("the snapshot holds %+v, %v", loaded, err)
	}
}

// TestSnapshotIgnored: a snapshot that does not fit is a cache that missed.
func TestSnapshotIgnored(t *testing.T) {
	b := ledger.NewMemory(20 * time.Second)
	dir := t.TempDir()
	three(t, b, dir)
	whole := refold(t, b, 1, 0)
	snapshotOf(t, b, dir, whole)
	path := ledger.SnapshotPath(dir, "offer.0")
	good := readFile(t, path)
	log, _ := b.OpenLog(within(t), ledgertest.Context, 1)
	info, _ := log.Info(within(t))
	cases := map[string][]byte{
		"empty":                   nil,
		"short":                   good[:20],
		"cut off":                 good[:len(good)-1],
		"one bit":                 flip(good, len(good)/2),
		"one bit in its checksum": flip(good, len(good)-3),
	}
	for name, content := range cases {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		f, ignored, err := restored(t, b, 1, 0, dir)
		if err != nil || ignored == nil || dump(t, f.FoldState()) != dump(t, whole.FoldState()) {
			t.Errorf("%s: ignored because of %v, %v", name, ignored, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ignored, err := ledger.Restore(within(t), log, info.Created, ledgertest.NewAccount(2), 0, dir); err != nil || ignored == nil {
		t.Errorf("another fold version: ignored because of %v, %v", ignored, err)
	}
	if _, ignored, err := ledger.Restore(within(t), log, info.Created.Add(time.Second), ledgertest.NewAccount(1), 0, dir); err != nil || ignored == nil {
		t.Errorf("a ledger created at another time: ignored because of %v, %v", ignored, err)
	}
	openNode(t, b, dir) // and it serves
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// TestSnapshotOfAnotherLog: a snapshot that claims this log and stands on a commit that is not in it is no cache miss: one of the
// two has lost something.
func TestSnapshotOfAnotherLog(t *testing.T) {
	build := func(commits int) (*ledger.Memory, *ledger.Fold) {
		m := ledger.NewMemory(20 * time.Second)
		n := openNode(t, m, t.TempDir())
		bank := newBank(t, m, 1)
		for i := range commits {
			bank.must(deposit("a", fmt.Sprintf("r%d", i), 1))
		}
		n.close()
		return m, refold(t, m, 1, 0)
	}
	b, _ := build(3)
	_, same := build(3)
	_, longer := build(5)
	t.Run("another hash", func(t *testing.T) {
		dir := t.TempDir()
		snapshotOf(t, b, dir, same)
		var chain *ledger.ChainError
		if err := refuses(t, b, dir); !errors.As(err, &chain) {
			t.Errorf("refused with %v; want a ChainError", err)
		}
	})
	t.Run("ahead of the log", func(t *testing.T) {
		dir := t.TempDir()
		snapshotOf(t, b, dir, longer)
		missing(t, refuses(t, b, dir), 3, "snapshot", "commits 4 to 5 are missing")
	})
}

// TestSnapshotOfAnEmptyPartition: found by the simulator (seed 28): a snapshot taken before the first commit made every later start
// refuse to serve.
func TestSnapshotOfAnEmptyPartition(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		dir := t.TempDir()
		snapshotOf(t, b, dir, refold(t, b, 1, 0))
		n := openNode(t, b, t.TempDir())
		bank := newBank(t, b, 1)
		bank.must(deposit("acc-1", "r1", 1))
		n.close()
		f, ignored, err := restored(t, b, 1, 0, dir)
		if err != nil || ignored != nil {
			t.Fatal(err, ignored)
		}
		if whole := refold(t, b, 1, 0); dump(t, f.FoldState()) != dump(t, whole.FoldState()) || f.FoldTip() != whole.FoldTip() {
			t.Errorf("snapshot and tail: %+v, the log: %+v", f.FoldTip(), whole.FoldTip())
		}
	})
}
