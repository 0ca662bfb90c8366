package allinone

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// TestLimits: every stream has a limit, and together they are within the disk, whatever its size.
func TestLimits(t *testing.T) {
	departments, err := contracts.Departments()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		disk := rapid.Int64Range(DiskBytesMin, 1<<50).Draw(t, "disk")
		have, sum := limits(disk, departments), int64(reserve)
		for name, bytes := range have {
			if sum += bytes; bytes < 256<<10 {
				t.Errorf("%s gets %d of %d bytes", name, bytes, disk)
			}
		}
		if sum > disk {
			t.Errorf("the limits are %d of %d bytes", sum, disk)
		}
		names := []string{contactsName, deadName, auditName}
		for _, context := range events.Contexts {
			names = append(names, events.LedgerStream(context), events.EventsStream(context))
		}
		for _, d := range departments {
			names = append(names, events.ViewStream(d.ID))
		}
		for _, name := range names {
			if have[name] == 0 {
				t.Errorf("%s has no limit", name)
			}
		}
	})
}

func TestDiskDefault(t *testing.T) {
	for have, want := range map[int64]int64{1 << 50: 64 << 30, 64 << 30: 64 << 30, 64<<30 - 1: 32 << 30, 100 << 20: 64 << 20, 0: DiskBytesMin} {
		if got := diskDefault(have); got != want {
			t.Errorf("of %d bytes %d, want %d", have, got, want)
		}
	}
}
