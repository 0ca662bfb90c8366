package store

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// packHead is the fixed part of a packed document: length of the index part (4 bytes) and version (8 bytes), both big
// endian. The index part follows (name NUL value NUL for each entry), then the body. scripts/apply.lua reads this form:
// it must know the entries of the document that it replaces, and a text of pairs is cheap to read there.
const packHead = 12

func packDocument(d Document) []byte {
	part := 0
	for _, ix := range d.Indexes {
		part += len(ix.Name) + len(ix.Value) + 2
	}
	b := make([]byte, 0, packHead+part+len(d.Body))
	b = binary.BigEndian.AppendUint32(b, uint32(part))
	b = binary.BigEndian.AppendUint64(b, d.Version)
	for _, ix := range d.Indexes {
		b = append(append(b, ix.Name...), 0)
		b = append(append(b, ix.Value...), 0)
	}
	return append(b, d.Body...)
}

func unpackDocument(key, packed string) (Document, error) {
	damaged := func() (Document, error) {
		return Document{}, ErrDamaged.because(fmt.Errorf("document %q has no readable head", clip(key)))
	}
	if len(packed) < packHead {
		return damaged()
	}
	end := packHead + int(binary.BigEndian.Uint32([]byte(packed[:4])))
	if end > len(packed) {
		return damaged()
	}
	d := Document{Key: key, Version: binary.BigEndian.Uint64([]byte(packed[4:packHead])), Body: []byte(packed[end:])}
	// Cloned, so that a kept index value doesn't keep a second copy of the body alive.
	part := strings.Clone(packed[packHead:end])
	for part != "" {
		name, rest, named := strings.Cut(part, "\x00")
		value, rest, ended := strings.Cut(rest, "\x00")
		if !named || !ended {
			return damaged()
		}
		d.Indexes = append(d.Indexes, Index{Name: name, Value: value})
		part = rest
	}
	return d, nil
}
