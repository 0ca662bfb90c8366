package ledger_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

// tampered is a log of which one commit reads as another body.
type tampered struct {
	ledger.Log
	sequence uint64
	body     []byte
}

func (l *tampered) change(s *ledger.Stored) *ledger.Stored {
	if s == nil || s.Sequence != l.sequence {
		return s
	}
	changed := *s
	changed.Body = l.body
	return &changed
}

func (l *tampered) Follow(ctx context.Context, partition int, after uint64, visit func(*ledger.Stored) error) error {
	return l.Log.Follow(ctx, partition, after, func(s *ledger.Stored) error { return visit(l.change(s)) })
}

func (l *tampered) Get(ctx context.Context, sequence uint64) (*ledger.Stored, error) {
	s, err := l.Log.Get(ctx, sequence)
	return l.change(s), err
}

// TestChain: whatever digit of a commit is changed, wherever it stands in it, the commit behind it tells; the checker goes on to the end
// and a fold stops there.
func TestChain(t *testing.T) {
	t.Parallel()
	broker := ledger.NewMemory(time.Minute)
	node := openNode(t, broker, t.TempDir())
	b := newBank(t, broker, 1)
	for _, reservation := range []string{"a", "b", "c"} {
		b.must(deposit("x", reservation, 100))
	}
	node.close()
	ctx := within(t)
	log, err := broker.OpenLog(ctx, ledgertest.Context, 1)
	if err != nil {
		t.Fatal(err)
	}
	info, err := log.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second, err := log.Get(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for at, c := range second.Body {
		if c < '0' || c > '9' {
			continue
		}
		tried++
		body := bytes.Clone(second.Body)
		body[at] = '0' + (c-'0'+1)%10
		changed := &tampered{log, 2, body}
		found := false
		a := &ledger.Auditor{Machine: ledgertest.NewAccount(1), Violation: func(invariant, where, _ string) {
			found = found || invariant == "I6" && (strings.HasSuffix(where, ":3") || strings.HasSuffix(where, ":2"))
		}}
		if err := a.Read(ctx, changed, 1, info.Last); err != nil {
			t.Fatal(err)
		}
		if !found || a.Last != info.Last {
			t.Errorf("byte %d of %q was changed, and nobody noticed (read up to %d)", at, second.Body[max(0, at-20):at+1], a.Last)
		}
		_, _, err := ledger.Restore(ctx, changed, info.Created, ledgertest.NewAccount(1), 0, t.TempDir())
		if err == nil {
			t.Errorf("byte %d of %q was changed, and the log was folded", at, second.Body[max(0, at-20):at+1])
		}
	}
	if tried < 100 {
		t.Errorf("only %d digits were changed", tried)
	}
}
