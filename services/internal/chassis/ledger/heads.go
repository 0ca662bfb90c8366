package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// HeadsInterval is how long a commit may be stored before its head is on disk outside the broker's store. A tail that is lost
// within it is not detected on one node: that window is stated in docs/operating.md.
const HeadsInterval = 100 * time.Millisecond

// Head is the last commit of a partition that this process saw stored.
type Head struct {
	Sequence uint64 `json:"sequence"`
	Number   uint64 `json:"number"`
	Hash     string `json:"hash"`
}

// Heads keeps every partition's head in one file outside the broker's store: a truncated log is a valid one, only something
// outside it can tell that its tail is missing.
type Heads struct {
	path  string
	file  sync.Mutex // over writing the file: an older state never goes over a newer one
	mu    sync.Mutex
	heads map[string]Head
	dirty bool
	err   error // of the last write
	wake  chan struct{}
	stop  chan struct{}
	done  chan struct{}
}

// OpenHeads reads the file, which may be absent, and starts writing changes.
func OpenHeads(path string) (*Heads, error) {
	h := &Heads{path: path, heads: make(map[string]Head), wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("ledger: heads: %w", err)
	default:
		if err := json.Unmarshal(b, &h.heads); err != nil {
			return nil, fmt.Errorf("ledger: heads file %s is damaged: %w", path, err)
		}
	}
	go h.write()
	return h, nil
}

// Get is the newest head known of a partition.
func (h *Heads) Get(partition string) Head {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heads[partition]
}

// Set notes a new head; it is on disk within HeadsInterval.
func (h *Heads) Set(partition string, t Tip) {
	h.mu.Lock()
	h.heads[partition] = Head{t.Sequence, t.Number, t.Hash.String()}
	first := !h.dirty
	h.dirty = true
	h.mu.Unlock()
	if first {
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
}

// Flush has what was set on disk when it returns.
func (h *Heads) Flush() error {
	h.flush()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Close writes what is not written and stops.
func (h *Heads) Close() error {
	close(h.stop)
	<-h.done
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

func (h *Heads) write() {
	defer close(h.done)
	// The interval counts from the start of a write: a slow disk makes the writes rarer, not the window wider than it must be.
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-h.wake:
		case <-h.stop:
			h.flush()
			return
		}
		select {
		case <-pause.C:
		case <-h.stop:
			h.flush()
			return
		}
		pause.Reset(HeadsInterval * 9 / 10)
		h.flush()
	}
}

func (h *Heads) flush() {
	h.file.Lock()
	defer h.file.Unlock()
	h.mu.Lock()
	if !h.dirty {
		h.mu.Unlock()
		return
	}
	h.dirty = false
	b, err := json.Marshal(h.heads)
	h.mu.Unlock()
	if err == nil {
		err = replaceFile(h.path, b)
	}
	h.mu.Lock()
	if h.err = err; err != nil { // the pause goes first
		h.dirty = true
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
	h.mu.Unlock()
}

// replaceFile writes a file so that after a crash it is the old or the new one, whole.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already after the rename
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// TailLossError says which commits are known to have been stored and are not in the log.
type TailLossError struct {
	Partition   string
	LogNumber   uint64 // last commit in the log
	LogSequence uint64
	Known       Head
	Witness     string // what knows: "heads file", "snapshot", "projection", "events stream"
}

func (e *TailLossError) Error() string {
	missing, absent := fmt.Sprintf("%d and later", e.LogNumber+1), fmt.Sprintf("第 %d 号及以后", e.LogNumber+1)
	if e.Known.Number > 0 { // an events stream knows sequences only
		missing, absent = fmt.Sprintf("%d to %d", e.LogNumber+1, e.Known.Number), fmt.Sprintf("第 %d 至 %d 号", e.LogNumber+1, e.Known.Number)
	}
	return fmt.Sprintf("ledger: partition %s refuses to serve: commits %s are missing: the log ends with commit %d at sequence %d, the %s knows sequence %d. Restore the broker's store from a backup or another replica. / "+
		"账本分区 %s 拒绝服务：缺少%s提交，账本止于序号 %d，而记录显示应至序号 %d。请从备份或其他副本恢复存储。",
		e.Partition, missing, e.LogNumber, e.LogSequence, e.Witness, e.Known.Sequence,
		e.Partition, absent, e.LogSequence, e.Known.Sequence)
}
