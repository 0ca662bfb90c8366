package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

// deposits of the ledger that is damaged.
const deposits = 40

// store is the stopped broker's files of the ledger, and what the process keeps beside them.
type store struct {
	t           *testing.T
	stream, dir string
	random      *rand.Rand
}

// file is the one file of the ledger's stream whose name ends so.
func (s *store) file(ending string) string {
	s.t.Helper()
	found := ""
	err := filepath.WalkDir(s.stream, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ending) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		s.t.Fatalf("no file *%s in %s: %v", ending, s.stream, err)
	}
	return found
}

func (s *store) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) truncate(part float64) {
	path := s.file(".blk")
	info, err := os.Stat(path)
	s.must(err)
	s.must(os.Truncate(path, int64(float64(info.Size())*part)))
}

func (s *store) flip(path string, at func(size int) int) {
	b, err := os.ReadFile(path)
	s.must(err)
	b[at(len(b))] ^= 1 << s.random.IntN(8)
	s.must(os.WriteFile(path, b, 0o600))
}

// TestDamagedStore: whatever happens to the files of a broker that is alone, the ledger is whole or refuses to serve and says which
// ledger, what is missing and what to do. The broker itself starts without a word and gives sequences out again. Named incidents:
// nats-server #7549 (a flipped bit), #7564 and #7567 (acknowledged messages gone).
func TestDamagedStore(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	anywhere := func(s *store) func(int) int { return func(size int) int { return s.random.IntN(size) } }
	cases := []struct {
		name    string
		damage  func(s *store)
		refuses bool // else it may do either
	}{
		{"last bytes of the block cut", func(s *store) { s.truncate(0.995) }, true},
		{"block cut in the middle", func(s *store) { s.truncate(0.5) }, true},
		{"block emptied", func(s *store) { s.truncate(0) }, true},
		{"flipped bit in the first commit", func(s *store) { s.flip(s.file(".blk"), func(int) int { return 200 }) }, true},
		{"flipped bit in a commit in the middle", func(s *store) { s.flip(s.file(".blk"), func(size int) int { return size / 2 }) }, true},
		{"flipped bit in the last commit", func(s *store) { s.flip(s.file(".blk"), func(size int) int { return size - 100 }) }, true},
		{"flipped bit somewhere", func(s *store) { s.flip(s.file(".blk"), anywhere(s)) }, false}, // the time of a record may be flipped: not in the sum of what is told
		{"flipped bit in the index", func(s *store) { s.flip(s.file("index.db"), anywhere(s)) }, false},
		{"index deleted", func(s *store) { s.must(os.Remove(s.file("index.db"))) }, false},
		{"block and index cut", func(s *store) { s.truncate(0.5); s.must(os.Remove(s.file("index.db"))) }, true},
		{"block deleted", func(s *store) { s.must(os.Remove(s.file(".blk"))) }, true},
		{"block and index deleted", func(s *store) { s.must(os.Remove(s.file(".blk"))); s.must(os.Remove(s.file("index.db"))) }, true},
		{"stream deleted", func(s *store) { s.must(os.RemoveAll(s.stream)) }, true},
		{"heads deleted", func(s *store) { s.must(os.Remove(filepath.Join(s.dir, "heads.json"))) }, false},
		{"block cut and heads deleted, a read model knows", func(s *store) { s.truncate(0.5); s.must(os.Remove(filepath.Join(s.dir, "heads.json"))) }, true},
		{"stream and heads deleted, a read model knows", func(s *store) {
			s.must(os.RemoveAll(s.stream))
			s.must(os.Remove(filepath.Join(s.dir, "heads.json")))
		}, true},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := startEmbedded(t, 0)
			dir := t.TempDir()
			conn := e.connect(t)
			b := jetStream(t, conn, 1, time.Second)
			n := openNode(t, b, dir)
			bank := newBank(t, b, 1)
			for i := range deposits {
				bank.must(deposit("a", fmt.Sprint("r", i), 1))
			}
			n.close()
			e.stop()
			c.damage(&store{t, filepath.Join(e.dir, "jetstream", "$G", "streams", events.LedgerStream(ledgertest.Context)), dir, rand.New(rand.NewPCG(seed, uint64(i)))})
			e.start()
			js, err := jetstream.New(conn)
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the broker answers", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := js.AccountInfo(ctx)
				return err == nil
			})
			b = jetStream(t, conn, 1, time.Second)
			witness := func(context.Context, string) (ledger.Head, string) { return ledger.Head{}, "" }
			if strings.HasSuffix(c.name, "knows") {
				witness = func(context.Context, string) (ledger.Head, string) {
					return ledger.Head{Sequence: deposits}, "read model"
				}
			}
			n = tryNode(t, b, dir, func(c *ledger.Config) { c.Witness = witness })
			defer n.close()
			if err := n.keeper.Ready(within(t)); err != nil {
				for _, says := range []string{ledgertest.Context + ".0", "refuses to serve", "拒绝"} {
					if !strings.Contains(err.Error(), says) {
						t.Errorf("%q does not say %q", err, says)
					}
				}
				var tail *ledger.TailLossError
				var chain *ledger.ChainError
				if !errors.As(err, &tail) && !errors.As(err, &chain) {
					t.Errorf("refused with %v", err)
				}
				t.Log(err)
				return
			}
			if c.refuses {
				t.Error("it serves")
			}
			if a := bank.audit(b, 1); a.Commands != deposits {
				t.Errorf("%d commands of %d are served", a.Commands, deposits)
			}
		})
	}
}

// TestCommitMissing: a reader of a whole ledger never passes a commit that its node has lost, and says which. Named incidents:
// marten #4977 and prooph #189 (a projection passes a gap).
func TestCommitMissing(t *testing.T) {
	e := startEmbedded(t, 0)
	conn := e.connect(t)
	b := jetStream(t, conn, 1, time.Second)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	name := events.LedgerStream(ledgertest.Context) // made by hand: the ledger's own denies deletion
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{"jieli.ledger." + ledgertest.Context + ".*"}, Metadata: map[string]string{"jieli.partitions": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	three(t, b, t.TempDir())
	log, err := b.OpenLog(t.Context(), ledgertest.Context, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 2); err != nil { // as a damaged block has it
		t.Fatal(err)
	}
	var seen []uint64
	err = log.Follow(within(t), -1, 0, func(s *ledger.Stored) error { seen = append(seen, s.Sequence); return nil })
	var missing *ledger.MissingError
	if !errors.As(err, &missing) || missing.Sequence != 2 || len(seen) != 1 {
		t.Errorf("%v after %v", err, seen)
	}
	var found []string
	a := &ledger.Auditor{Machine: ledgertest.NewAccount(1), Violation: func(invariant, where, _ string) { found = append(found, invariant+" "+where) }}
	if err := a.Read(within(t), log, 1, 3); err != nil || len(found) != 1 || !strings.HasPrefix(found[0], "I6 ") || !strings.HasSuffix(found[0], ":2") {
		t.Errorf("verified: %v %v", found, err)
	}
}
