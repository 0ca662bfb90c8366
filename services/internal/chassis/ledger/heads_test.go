package ledger_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

func openHeads(t *testing.T, path string) *ledger.Heads {
	t.Helper()
	h, err := ledger.OpenHeads(path)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestHeads: whenever one looks, the file is whole; what was set is on disk without a further signal; Close writes the rest.
func TestHeads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "heads.json")
	h := openHeads(t, path)
	if head := h.Get("offer.0"); head != (ledger.Head{}) {
		t.Errorf("an absent file knows %+v", head)
	}
	read := func() (heads map[string]ledger.Head) {
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil {
			err = json.Unmarshal(b, &heads)
		}
		if err != nil {
			t.Errorf("the file is not whole: %v", err)
		}
		return heads
	}
	begun := time.Now()
	h.Set("offer.0", ledger.Tip{Sequence: 1, Number: 1})
	eventually(t, "the head is on disk", func() bool { return read()["offer.0"].Sequence == 1 })
	if took := time.Since(begun); took > 10*ledger.HeadsInterval {
		t.Errorf("on disk after %s, promised within %s", took, ledger.HeadsInterval)
	}
	const writers, each = 4, 2000
	var all sync.WaitGroup
	for w := range writers {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range uint64(each) {
				h.Set(fmt.Sprintf("offer.%d", w), ledger.Tip{Sequence: i + 2, Number: i + 2})
			}
		}()
	}
	written := make(chan struct{})
	go func() { all.Wait(); close(written) }()
	for done := false; !done; {
		select {
		case <-written:
			done = true
		default:
			read()
		}
	}
	eventually(t, "the last heads are on disk without Close", func() bool {
		heads := read()
		for w := range writers {
			if heads[fmt.Sprintf("offer.%d", w)].Sequence != each+1 {
				return false
			}
		}
		return true
	})
	h.Set("offer.0", ledger.Tip{Sequence: 9999, Number: 9999})
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read()["offer.0"].Sequence; got != 9999 {
		t.Errorf("Close left sequence %d on disk", got)
	}
	again := openHeads(t, path)
	if got := again.Get("offer.0").Sequence; got != 9999 {
		t.Errorf("read back as sequence %d", got)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(path + ".*")
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

// TestHeadsDamaged: a file that can't be read is no empty file.
func TestHeadsDamaged(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "{", "[]", `{"offer.0":5}`, "\x00\x00"} {
		path := filepath.Join(t.TempDir(), "heads.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if h, err := ledger.OpenHeads(path); err == nil {
			t.Errorf("%q was read as heads", content)
			_ = h.Close()
		}
	}
}

// TestHeadsWriteFails: a head that could not be written is written when that works again, and Close tells if it does not.
func TestHeadsWriteFails(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "heads")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "heads.json")
	h := openHeads(t, path)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	h.Set("offer.0", ledger.Tip{Sequence: 1, Number: 1})
	failed := time.NewTimer(3 * ledger.HeadsInterval) // long enough for an attempt, successful or not
	<-failed.C
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the head is written", func() bool { _, err := os.Stat(path); return err == nil })
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	h.Set("offer.0", ledger.Tip{Sequence: 2, Number: 2})
	if err := h.Close(); err == nil {
		t.Error("Close is silent about a head that is not on disk")
	}
}

// TestRetention: ids are remembered for 30 days and a margin of at most two, and not longer.
func TestRetention(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	start := time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		days []int // on which a command is decided
		now  int   // the day of the last one, which makes the memory forget
		kept []bool
	}{
		{"one day", []int{0}, 0, []bool{true}},
		{"within", []int{0, 10, 29}, 30, []bool{true, true, true}},
		{"at the edge", []int{0, 1, 2}, 31, []bool{true, true, true}},
		{"just over", []int{0, 1, 2}, 32, []bool{false, true, true}},
		{"two days over", []int{0, 1, 2}, 33, []bool{false, false, true}},
		{"a long silence", []int{0, 1, 2}, 400, []bool{false, false, false}},
	} {
		r := ledger.NewRetained()
		ids := make([]events.UUID, len(tt.days))
		for i, d := range tt.days {
			ids[i] = events.NewUUID7(start.Add(time.Duration(d) * day))
			r.Add(ids[i], uint64(i+1), start.Add(time.Duration(d)*day))
		}
		last := events.NewUUID7(start)
		r.Add(last, 99, start.Add(time.Duration(tt.now)*day))
		kept := 1
		for i, want := range tt.kept {
			sequence, ok := r.Has(ids[i])
			if ok != want || ok && sequence != uint64(i+1) {
				t.Errorf("%s: the command of day %d on day %d: %d, %v; want %v", tt.name, tt.days[i], tt.now, sequence, ok, want)
			}
			if want {
				kept++
			}
		}
		if sequence, ok := r.Has(last); !ok || sequence != 99 {
			t.Errorf("%s: the last one: %d, %v", tt.name, sequence, ok)
		}
		if r.Len() != kept || r.Days() > 33 {
			t.Errorf("%s: %d remembered of %d days, want %d", tt.name, r.Len(), r.Days(), kept)
		}
	}
	// An id that the edge still takes is remembered, whenever within its 30 days it was decided.
	for offset := time.Duration(0); offset <= ledger.Retention; offset += 7 * time.Hour {
		r := ledger.NewRetained()
		id := events.NewUUID7(start)
		r.Add(id, 1, start.Add(-5*time.Minute)) // its sender's clock was ahead
		r.Add(events.NewUUID7(start), 2, start.Add(offset))
		if _, ok := r.Has(id); !ok {
			t.Errorf("after %s it is forgotten, and would be decided again", offset)
		}
	}
}
