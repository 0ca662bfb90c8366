package allinone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/bus"
)

// Bounds of what the streams may take.
const (
	DiskBytesMin     = 64 << 20 // the least that Options.MaxDisk may be
	diskBytesDefault = 64 << 30 // where the disk has more
	auditBytesMax    = 256 << 20
	diskFile         = "max-disk" // in the folder of credentials: what the broker of several processes may take, in bytes
)

// shares are the parts of the disk that streams get, by context; a context that is not named gets otherShare. An EVENTS stream holds what
// its ledger holds with headers on every event, so it gets half as much again; each department's view a part of all events.
var shares = map[string]int64{"enterprise": 4, "party": 1, "demand": 6, "offer": 4, "bond": 2, "crossborder": 2, "match": 8, "sharing": 1}

const (
	otherShare   = 2
	viewShare    = 4
	contactShare = 4
	deadShare    = 1
	auditShare   = 1
)

// limits divides the disk among the streams: how many bytes each may hold. Together they are within it.
func limits(disk int64, departments []contracts.Department) map[string]int64 {
	parts := map[string]int64{contactsName: 2 * contactShare, deadName: 2 * deadShare, redriveName: 2 * deadShare, auditName: 2 * auditShare} // in halves
	for _, context := range events.Contexts {
		share := shares[context]
		if share == 0 {
			share = otherShare
		}
		parts[events.LedgerStream(context)] = 2 * share
		parts[events.EventsStream(context)] = 3 * share
	}
	for _, d := range departments {
		parts[events.ViewStream(d.ID)] = 2 * viewShare
	}
	var all int64
	for _, part := range parts {
		all += part
	}
	disk -= reserve
	out := make(map[string]int64, len(parts))
	for name, part := range parts {
		out[name] = disk / all * part
	}
	out[auditName] = min(out[auditName], auditBytesMax)
	return out
}

// Streams that are not of a context or department, and what the canary may take.
const (
	contactsName = "CONTACTS"
	deadName     = "DEADLETTER"
	redriveName  = bus.RedriveStream
	auditName    = "AUDIT"
	reserve      = 2 << 20
)

// room is what a folder's disk has for the streams: what is free and what they hold already, less a fifth, which belongs to snapshots,
// logs and whatever else is on it.
func room(folder string) (int64, error) {
	at := folder
	for {
		var s syscall.Statfs_t
		err := syscall.Statfs(at, &s)
		if err == nil {
			held, err := sizeOf(folder)
			return (int64(s.Bavail)*s.Bsize + held) / 5 * 4, err
		}
		if up := filepath.Dir(at); errors.Is(err, fs.ErrNotExist) && up != at {
			at = up
			continue
		}
		return 0, fmt.Errorf("allinone: disk of %s: %w", folder, err)
	}
}

func sizeOf(folder string) (bytes int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				bytes += info.Size()
			} else if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
		}
		return err
	})
	return bytes, err
}

// diskDefault is what the streams may take where nobody has said: 64 GiB, or the largest power of two that the disk has room for. A
// power of two, so that limits do not change at every start with what else comes and goes on the disk.
func diskDefault(have int64) int64 {
	size := int64(diskBytesDefault)
	for size > have && size > DiskBytesMin {
		size /= 2
	}
	return size
}

// disk finds what the streams may take: as the options say, else as the file beside the credentials of a broker of its own does, else (0)
// nothing is limited there.
func (o *Options) disk() (int64, error) {
	if o.MaxDisk != 0 || o.Broker == "" {
		return o.MaxDisk, nil
	}
	raw, err := os.ReadFile(filepath.Join(o.Credentials, diskFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("allinone: credentials: %w", err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil || n < DiskBytesMin {
		return 0, fmt.Errorf("allinone: %s: %q is no number of bytes of at least %d / 不是有效的字节数", filepath.Join(o.Credentials, diskFile), raw, DiskBytesMin)
	}
	return n, nil
}
