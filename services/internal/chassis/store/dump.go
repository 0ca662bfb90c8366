package store

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// dumpLine is the canonical line of one document. Fields stand in this order; the body is compacted, so blanks in it
// don't matter, the order of its fields does.
type dumpLine struct {
	Key     string          `json:"key"`
	Version uint64          `json:"version"`
	Indexes []Index         `json:"indexes,omitempty"`
	Body    json.RawMessage `json:"body"`
}

// dumper writes canonical lines; flush says whether all of them arrived.
type dumper struct {
	out *bufio.Writer
	enc *json.Encoder
}

func newDumper(w io.Writer) *dumper {
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return &dumper{out: out, enc: enc}
}

func (d *dumper) write(doc Document) error {
	if err := d.enc.Encode(dumpLine{Key: doc.Key, Version: doc.Version, Indexes: doc.Indexes, Body: doc.Body}); err != nil {
		return fmt.Errorf("store: dump: %w", err)
	}
	return nil
}

func (d *dumper) flush() error {
	if err := d.out.Flush(); err != nil {
		return fmt.Errorf("store: dump: %w", err)
	}
	return nil
}
