// Package archive is the file format of a backup: a gzipped tar that standard tools read. Lists are cut into entries of some
// megabytes (<list>/000001.ndjson, one JSON value a line), so that neither side holds more than one in memory, and the last entry is
// SHA256SUMS, which `sha256sum -c` understands: a file without it is not whole.
package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Sums is the name of the last entry.
const Sums = "SHA256SUMS"

// Sizes of an entry: when a list is cut, and what a reader takes at most (one line may come on top of the first).
const (
	entryBytes    = 4 << 20
	entryBytesMax = 16 << 20
)

// Writer writes an archive. After an error it is of no use.
type Writer struct {
	zip  *gzip.Writer
	tar  *tar.Writer
	now  time.Time
	sums bytes.Buffer
	list string // being written
	part int
	buf  bytes.Buffer
}

// NewWriter begins an archive; now is the time that its entries carry.
func NewWriter(w io.Writer, now time.Time) *Writer {
	zip := gzip.NewWriter(w)
	return &Writer{zip: zip, tar: tar.NewWriter(zip), now: now}
}

// File writes one entry, behind the list before it.
func (w *Writer) File(name string, body []byte) error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.entry(name, body)
}

func (w *Writer) entry(name string, body []byte) error {
	if err := w.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(body)), ModTime: w.now, Format: tar.FormatPAX}); err != nil {
		return fmt.Errorf("archive: %s: %w", name, err)
	}
	if _, err := w.tar.Write(body); err != nil {
		return fmt.Errorf("archive: %s: %w", name, err)
	}
	if name != Sums {
		fmt.Fprintf(&w.sums, "%x  %s\n", sha256.Sum256(body), name)
	}
	return nil
}

// Line appends a line to a list. Lists come one after another.
func (w *Writer) Line(list string, line []byte) error {
	if list != w.list || w.buf.Len() >= entryBytes {
		if err := w.flush(); err != nil {
			return err
		}
		if list != w.list {
			w.list, w.part = list, 0
		}
	}
	w.buf.Write(line)
	w.buf.WriteByte('\n')
	return nil
}

func (w *Writer) flush() error {
	if w.buf.Len() == 0 {
		return nil
	}
	w.part++
	err := w.entry(fmt.Sprintf("%s/%06d.ndjson", w.list, w.part), w.buf.Bytes())
	w.buf.Reset()
	return err
}

// Close writes the sums and ends the archive.
func (w *Writer) Close() error {
	err := w.flush()
	if err == nil {
		err = w.entry(Sums, w.sums.Bytes())
	}
	if err == nil {
		err = w.tar.Close()
	}
	if err == nil {
		err = w.zip.Close()
	}
	return err
}

// DamagedError says where an archive is not what was written.
type DamagedError struct {
	Entry string
	Line  int // 0: the entry as a whole
	Why   string
}

func (e *DamagedError) Error() string {
	where := e.Entry
	if e.Line > 0 {
		where = fmt.Sprintf("%s, line %d", e.Entry, e.Line)
	}
	return fmt.Sprintf("the backup is damaged at %s: %s / 备份文件在此处损坏：%s", where, e.Why, where)
}

// Read tells visit of every line of every list, and of every other entry as a whole (line 0), and at the end holds all of it to the sums.
// What visit has been told holds only when Read returns nil. visit's own errors come back as damage at their place.
func Read(r io.Reader, visit func(entry string, line int, body []byte) error) error {
	last := "the beginning"
	zip, err := gzip.NewReader(r)
	if err != nil {
		return &DamagedError{last, 0, "it is no gzip file: " + err.Error()}
	}
	entries := tar.NewReader(zip)
	sums := make(map[string]string)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return &DamagedError{last, 0, "it ends behind this entry, without " + Sums}
		}
		if err != nil {
			return &DamagedError{"the entry behind " + last, 0, err.Error()}
		}
		last = header.Name
		if header.Size > entryBytesMax {
			return &DamagedError{last, 0, fmt.Sprintf("an entry of %d bytes; the most is %d", header.Size, entryBytesMax)}
		}
		body, err := io.ReadAll(entries)
		if err != nil {
			return &DamagedError{last, 0, err.Error()}
		}
		if last == Sums {
			if err := compare(body, sums); err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, zip); err != nil { // the end of the file has a sum of its own
				return &DamagedError{last, 0, err.Error()}
			}
			return nil
		}
		sum := sha256.Sum256(body)
		sums[last] = hex.EncodeToString(sum[:])
		if err := lines(last, body, visit); err != nil {
			return err
		}
	}
}

func lines(entry string, body []byte, visit func(string, int, []byte) error) error {
	told := func(line int, b []byte) error {
		if err := visit(entry, line, b); err != nil {
			return &DamagedError{entry, line, err.Error()}
		}
		return nil
	}
	if !strings.HasSuffix(entry, ".ndjson") {
		return told(0, body)
	}
	scan := bufio.NewScanner(bytes.NewReader(body))
	scan.Buffer(nil, entryBytesMax)
	n := 0
	for scan.Scan() {
		n++
		if err := told(n, scan.Bytes()); err != nil {
			return err
		}
	}
	return scan.Err()
}

func compare(listed []byte, have map[string]string) error {
	known := 0
	for line := range strings.Lines(string(listed)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok {
			return &DamagedError{Sums, 0, fmt.Sprintf("the line %.100q", line)}
		}
		if have[name] != sum {
			return &DamagedError{name, 0, "its SHA-256 is not the one in " + Sums}
		}
		known++
	}
	if known != len(have) {
		return &DamagedError{Sums, 0, fmt.Sprintf("it lists %d entries of %d", known, len(have))}
	}
	return nil
}
