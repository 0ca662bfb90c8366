package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

const fuzzCommand = "01980000-0000-7000-8000-000000000001"

// closing wraps a closing record's data into a commit's body.
func closing(record string) []byte {
	return []byte(`[{"specversion":"1.0","id":"c","source":"/jieli/offer","type":"` + ledger.TypeCommit + `","time":"2026-03-01T08:00:00Z","data":` + record + `}]`)
}

// FuzzDecodeCommit: whatever a log holds, its readers fail with an error.
func FuzzDecodeCommit(f *testing.F) {
	hash, long := "00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff00"
	for _, record := range []string{
		`{}`, `{"outcomes":null}`,
		`{"commit":"c","partition":"offer.0","number":1,"prev":"","outcomes":[{"c":"` + fuzzCommand + `","h":"` + hash + `","s":"a","v":1,"f":0,"n":1}]}`,
		`{"commit":"c","partition":"offer.0","number":1,"prev":"0000000000000000000000000000000000000000000000000000000000000000","outcomes":[{"c":"` + fuzzCommand + `","h":"` + long + `","s":"a"}]}`,
		`{"commit":"c","partition":"offer.0","number":1,"prev":"0000000000000000000000000000000000000000000000000000000000000000","outcomes":[{"c":"` + fuzzCommand + `","h":"` + hash + `","s":"a","f":-1,"n":9}]}`,
		`{"outcomes":[{"c":"` + fuzzCommand + `","f":9223372036854775807,"n":9223372036854775807}]}`,
	} {
		f.Add(closing(record))
	}
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"specversion":"1.0"}]`))
	m := ledger.NewMemory(time.Second)
	b := &bytes.Buffer{}
	if log, err := m.OpenLog(context.Background(), ledgertest.Context, 1); err == nil {
		b.WriteString("[")
		_, _ = log.Append(context.Background(), 0, 0, b.Bytes())
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx := context.Background()
		s := &ledger.Stored{Sequence: 1, Body: body}
		c, err := s.Decode()
		if err == nil {
			for i := range c.Events {
				_, _ = ledger.Applied(&c.Events[i])
			}
		}
		m := ledger.NewMemory(time.Second)
		log, err := m.OpenLog(ctx, ledgertest.Context, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.Append(ctx, 0, 0, body); err != nil {
			t.Fatal(err)
		}
		info, _ := log.Info(ctx)
		_, _ = ledger.FirstOutcome(ctx, log, 1, fuzzCommand, ledgertest.Context)
		_, _, restored := ledger.Restore(ctx, log, info.Created, ledgertest.NewAccount(1), 0, t.TempDir())
		violations := 0
		a := &ledger.Auditor{Machine: ledgertest.NewAccount(1), Violation: func(string, string, string) { violations++ }}
		if err := a.Read(ctx, log, 1, 1); err == nil && violations == 0 && restored != nil {
			t.Errorf("a writer refuses what the auditor finds in order: %v", restored)
		}
	})
}

// FuzzLoadSnapshot: whatever stands in a snapshot whose checksum is right, loading it gives a fold or an error.
func FuzzLoadSnapshot(f *testing.F) {
	created := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	dir := f.TempDir()
	fold, err := ledger.LoadSnapshot(dir, created, ledgertest.NewAccount(1), 0)
	if err == nil {
		f.Fatal("a snapshot out of nothing", fold)
	}
	header := `{"format":1,"partition":"offer.0","created":"2026-03-01T08:00:00Z","fold_version":1,"tip":{"sequence":1,"number":1,"time":"2026-03-01T08:00:00Z"},"hash":"`
	hash := "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	for _, body := range []string{
		header + hash + `","entities":1,"days":0}` + "\n\x01\x01a\x04null",
		header + hash + `","entities":1,"days":0}` + "\n\x01\x01a\x0c{\"total\":5}  ",
		header + hash + `00","entities":0,"days":0}` + "\n",
		header + hash + `","entities":-1,"days":-5}` + "\n",
		header + hash + `","entities":9000000000,"days":1}` + "\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		header + hash + `","entities":0,"days":1}` + "\n\x01\x28" + string(make([]byte, 40)),
		"{}\n", "\n", "",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		dir := t.TempDir()
		if err := os.WriteFile(ledger.SnapshotPath(dir, "offer.0"), append(bytes.Clone(body), sum[:]...), 0o600); err != nil {
			t.Fatal(err)
		}
		fold, err := ledger.LoadSnapshot(dir, created, ledgertest.NewAccount(1), 0)
		if err != nil {
			return
		}
		_ = fold.FoldState().Range(func(string, uint64, []byte) error { return nil })
		_, _ = fold.FoldState().NextDue()
		r := ledger.NewRetained()
		r.Add(events.UUID{}, 1, created)
	})
}
