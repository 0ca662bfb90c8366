package events

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func parseUUID(t *testing.T, s string) UUID {
	t.Helper()
	u, err := ParseUUID(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Frozen: senders in other languages compute the same partition, and ids derived years ago must come out again.
func TestPartitionGolden(t *testing.T) {
	t.Parallel()
	counts := [...]int{1, 2, 4, 8, 16, 100}
	for key, want := range map[string][len(counts)]int{
		"":                   {0, 1, 1, 1, 1, 45},
		"offer-1":            {0, 0, 0, 0, 0, 44},
		"offer-2":            {0, 1, 1, 5, 5, 21},
		"91110108MA01":       {0, 0, 0, 4, 4, 60},
		"91310000132209344L": {0, 0, 0, 0, 0, 92},
		"需求-1":               {0, 1, 3, 3, 3, 27},
	} {
		for i, n := range counts {
			if got := Partition(key, n); got != want[i] {
				t.Errorf("Partition(%q, %d) = %d, want %d", key, n, got, want[i])
			}
		}
	}
	for _, n := range []int{0, -1} {
		if got := Partition("offer-2", n); got != 0 {
			t.Errorf("Partition of %d = %d", n, got)
		}
	}
}

func TestPartitionSpreads(t *testing.T) {
	t.Parallel()
	const keys, n = 80_000, 8
	var got [n]int
	for i := range keys {
		got[Partition("d-"+strings.Repeat("x", i%3)+string(rune('0'+i%10))+NewUUID7(time.UnixMilli(int64(i))).String()[:13]+string(rune('a'+i/10%26))+string(rune('a'+i/260%26)), n)]++
	}
	for p, count := range got {
		if count < keys/n*8/10 || count > keys/n*12/10 {
			t.Errorf("partition %d holds %d of %d", p, count, keys)
		}
	}
}

func TestDerivedIDsGolden(t *testing.T) {
	t.Parallel()
	command := parseUUID(t, "01890a5d-ac96-774b-bcce-b302099a8057")
	data := []byte(`{"id":"d-1"}`)
	for want, got := range map[string]string{
		"b534ce16-ac9c-8b36-823f-39a395ce8e0e": DeriveUUID("a", "bc").String(),
		"f2939f90-3016-85bb-a9b1-e4a61cdbd376": DeriveUUID("ab", "c").String(),
		"e3b0c442-98fc-8c14-9afb-f4c8996fb924": DeriveUUID().String(),
		"482264d2-080d-8f78-aee4-a2da277c007b": EventID(command, 0, "jieli.demand.published.v1", "d-1", data),
		"d2312b46-401a-8289-8005-b04566364a07": EventID(command, 1, "jieli.demand.published.v1", "d-1", data),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEventIDDependsOnEverything(t *testing.T) {
	t.Parallel()
	a, b := parseUUID(t, "01890a5d-ac96-774b-bcce-b302099a8057"), parseUUID(t, "01890a5d-ac96-774b-bcce-b302099a8058")
	seen := map[string]bool{}
	for _, id := range []string{
		EventID(a, 0, "t", "s", nil), EventID(b, 0, "t", "s", nil), EventID(a, 1, "t", "s", nil), EventID(a, 0, "u", "s", nil),
		EventID(a, 0, "t", "r", nil), EventID(a, 0, "t", "s", []byte("x")), EventID(a, 0, "ts", "", nil), EventID(a, 0, "", "ts", nil),
	} {
		if seen[id] || parseUUID(t, id).Version() != 8 {
			t.Errorf("id %s", id)
		}
		seen[id] = true
	}
}

func TestUUID7(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(rapid.Int64Range(0, 1<<48-1).Draw(t, "ms"))
		u := NewUUID7(now)
		if !u.Time().Equal(now) || u.Version() != 7 || u[8]>>6 != 2 {
			t.Fatalf("%s of %v says %v", u, now, u.Time())
		}
		later := NewUUID7(now.Add(time.Millisecond))
		if now.UnixMilli() < 1<<48-1 && later.String() <= u.String() {
			t.Fatalf("%s is not after %s", later, u)
		}
		for _, s := range []string{u.String(), strings.ToUpper(u.String())} {
			if back, err := ParseUUID(s); err != nil || back != u {
				t.Fatalf("%s: %s, %v", s, back, err)
			}
		}
	})
}

func TestParseUUIDRefuses(t *testing.T) {
	t.Parallel()
	const good = "01890a5d-ac96-774b-bcce-b302099a8057"
	for _, s := range []string{"", good[:35], good + "0", "{" + good + "}", "urn:uuid:" + good, strings.ReplaceAll(good, "-", ""), "0" + strings.Replace(good, "-", "", 1),
		"0189-a5d0ac96-774b-bcce-b302099a8057", strings.Replace(good, "a", "g", 1), strings.Replace(good, "01", "é", 1), " " + good[1:]} {
		if u, err := ParseUUID(s); err != ErrUUID || u != (UUID{}) {
			t.Errorf("ParseUUID(%q) = %s, %v", s, u, err)
		}
	}
}
