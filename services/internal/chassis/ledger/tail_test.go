package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

// refuses opens a node that must refuse to serve, and returns why.
func refuses(t *testing.T, b ledger.Broker, dir string, options ...option) error {
	t.Helper()
	n := tryNode(t, b, dir, options...)
	defer n.close()
	err := n.keeper.Ready(within(t))
	if err == nil {
		t.Fatal("the partition serves")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("no reason in time: %v", err)
	}
	return err
}

func missing(t *testing.T, err error, logNumber uint64, witness string, says ...string) {
	t.Helper()
	var tail *ledger.TailLossError
	if !errors.As(err, &tail) {
		t.Fatalf("refused with %v; want a TailLossError", err)
	}
	if tail.LogNumber != logNumber || tail.Witness != witness {
		t.Errorf("refused with %+v; the log ends with commit %d, the %s knows more", tail, logNumber, witness)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
}

// three makes a ledger of three commits.
func three(t *testing.T, b ledger.Broker, dir string) {
	t.Helper()
	n := openNode(t, b, dir)
	bank := newBank(t, b, 1)
	for _, r := range []string{"r1", "r2", "r3"} {
		bank.must(deposit("a", r, 1))
	}
	n.close()
}

func writeHeads(t *testing.T, dir string, head ledger.Head) {
	t.Helper()
	b, err := json.Marshal(map[string]ledger.Head{"offer.0": head})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "heads.json"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func headsOf(t *testing.T, dir string) ledger.Head {
	t.Helper()
	var heads map[string]ledger.Head
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, "heads.json")), &heads); err != nil {
		t.Fatal(err)
	}
	return heads["offer.0"]
}

// TestKnownCommitsMissing: the log must reach the newest commit that anything outside it knows, and be that one.
func TestKnownCommitsMissing(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		dir := t.TempDir()
		three(t, b, dir)
		known := headsOf(t, dir)
		if known.Sequence != 3 || known.Number != 3 || len(known.Hash) != 64 {
			t.Fatalf("the heads file says %+v", known)
		}
		t.Run("heads file ahead", func(t *testing.T) {
			dir := t.TempDir()
			writeHeads(t, dir, ledger.Head{Sequence: 7, Number: 6, Hash: hash})
			missing(t, refuses(t, b, dir), 3, "heads file", "commits 4 to 6 are missing", "sequence 7", "缺少第 4 至 6 号提交")
		})
		t.Run("witness ahead", func(t *testing.T) {
			witness := func(context.Context, string) (ledger.Head, string) { return ledger.Head{Sequence: 5}, "events stream" }
			missing(t, refuses(t, b, dir, func(c *ledger.Config) { c.Witness = witness }), 3, "events stream", "commits 4 and later are missing", "sequence 5")
		})
		t.Run("witness behind", func(t *testing.T) {
			witness := func(context.Context, string) (ledger.Head, string) { return ledger.Head{Sequence: 2}, "events stream" }
			openNode(t, b, dir, func(c *ledger.Config) { c.Witness = witness }).close()
		})
		for name, head := range map[string]ledger.Head{
			"another hash at the end":     {Sequence: 3, Number: 3, Hash: hash},
			"another hash further before": {Sequence: 2, Number: 2, Hash: hash}, // the tail was lost and written anew by somebody else
		} {
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				writeHeads(t, dir, head)
				var chain *ledger.ChainError
				if err := refuses(t, b, dir); !errors.As(err, &chain) || chain.Sequence != head.Sequence {
					t.Errorf("refused with %v; want a ChainError at sequence %d", err, head.Sequence)
				}
			})
		}
		t.Run("heads file behind", func(t *testing.T) {
			dir := t.TempDir()
			f := refold(t, b, 1, 0)
			writeHeads(t, dir, ledger.Head{Sequence: f.FoldTip().Sequence, Number: 3, Hash: f.FoldTip().Hash.String()})
			openNode(t, b, dir).close()
		})
	})
}

// TestTruncatedStoreIsRefused: an older copy of the broker's files is a valid log; only the heads outside it know better.
func TestTruncatedStoreIsRefused(t *testing.T) {
	e := startEmbedded(t, 0)
	dir := t.TempDir()
	conn := e.connect(t)
	b := jetStream(t, conn, 1, time.Second)
	n := openNode(t, b, dir)
	bank := newBank(t, b, 1)
	bank.must(deposit("a", "r1", 1))
	bank.must(deposit("a", "r2", 1))
	n.close()
	e.stop()
	older := t.TempDir()
	if err := os.CopyFS(older, os.DirFS(e.dir)); err != nil {
		t.Fatal(err)
	}
	e.start()
	reconnected(t, conn.IsConnected)
	b = jetStream(t, conn, 1, time.Second)
	n = openNode(t, b, dir)
	bank.must(deposit("a", "r3", 1))
	bank.must(deposit("a", "r4", 1))
	bank.must(deposit("a", "r5", 1))
	bank.audit(b, 1)
	n.close()
	e.stop()
	if err := os.RemoveAll(filepath.Join(e.dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(e.dir, os.DirFS(older)); err != nil {
		t.Fatal(err)
	}
	e.start()
	reconnected(t, conn.IsConnected)
	b = jetStream(t, conn, 1, time.Second)
	err := refuses(t, b, dir)
	missing(t, err, 2, "heads file", "commits 3 to 5 are missing")
	t.Log(err)
}

func reconnected(t *testing.T, connected func() bool) {
	t.Helper()
	eventually(t, "the connection is back", connected)
}
