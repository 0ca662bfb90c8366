package allinone

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// directory is the data directory of one process.
type directory struct {
	path        string
	credentials string // shared by the processes of a system
	lock        *os.File
}

// RunFile is what a running process writes into its directory (run.json), so that others find it.
type RunFile struct {
	PID       int       `json:"pid"`
	HTTP      string    `json:"http"`
	NATS      string    `json:"nats"`
	StartedAt time.Time `json:"started_at"`
}

// ErrInUse says that another process has the directory.
var ErrInUse = errors.New("allinone: the data directory is in use by another process / 数据目录正被另一个进程使用")

// openDirectory makes the folders and takes the lock.
func openDirectory(path, credentials string) (*directory, error) {
	for _, sub := range []string{"", "broker", "snapshots", "credentials"} {
		if err := os.MkdirAll(filepath.Join(path, sub), 0o700); err != nil {
			return nil, fmt.Errorf("allinone: data directory: %w", err)
		}
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("allinone: data directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrInUse, path)
		}
		return nil, fmt.Errorf("allinone: lock %s: %w", path, err)
	}
	return &directory{path, credentials, lock}, nil
}

func (d *directory) close() error {
	err := os.Remove(d.at("run.json"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, d.lock.Close())
}

func (d *directory) at(name ...string) string {
	return filepath.Join(append([]string{d.path}, name...)...)
}

func (d *directory) writeRun(r RunFile) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(d.at("run.json"), append(b, '\n'), 0o600)
}

// node is the name under which this directory's process holds leases: the same over restarts.
func (d *directory) node() (string, error) { return secret(d.at("credentials", "node")) }

// secret reads a secret of the system, and makes it at the first start.
func (d *directory) secret(name string) (string, error) {
	return secret(filepath.Join(d.credentials, name))
}

func secret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		if s := strings.TrimSpace(string(b)); s != "" {
			return s, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("allinone: credentials: %w", err)
	}
	random := make([]byte, 24)
	rand.Read(random) // never fails (crypto/rand)
	s := base64.RawURLEncoding.EncodeToString(random)
	if err := os.WriteFile(path, []byte(s+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("allinone: credentials: %w", err)
	}
	return s, nil
}
