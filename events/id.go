package events

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/fnv"
	"time"
)

// UUID is an RFC 9562 identifier. Command ids are version 7 (time-ordered); everything derived is version 8.
type UUID [16]byte

// ErrUUID says that a text is not a UUID in its canonical lower- or upper-case form.
var ErrUUID = errors.New("not a UUID")

// NewUUID7 makes a command id for the given instant.
func NewUUID7(now time.Time) UUID {
	var u UUID
	rand.Read(u[:]) // never fails (crypto/rand)
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint16(u[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(u[2:], uint32(ms))
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}

// DeriveUUID makes a version 8 id from its parts: the same parts always give the same id.
func DeriveUUID(parts ...string) UUID {
	h := sha256.New()
	var n [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(n[:], uint32(len(p))) // lengths keep ("ab","c") and ("a","bc") apart
		h.Write(n[:])
		h.Write([]byte(p))
	}
	var u UUID
	copy(u[:], h.Sum(nil))
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}

// Version is the UUID's version field, 7 for command ids of clients.
func (u UUID) Version() int { return int(u[6] >> 4) }

// Time is the instant in a version 7 id, millisecond precision.
func (u UUID) Time() time.Time {
	ms := int64(binary.BigEndian.Uint16(u[0:]))<<32 | int64(binary.BigEndian.Uint32(u[2:]))
	return time.UnixMilli(ms).UTC()
}

// String is the canonical form.
func (u UUID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], u[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], u[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], u[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], u[10:16])
	return string(b[:])
}

// ParseUUID reads the canonical 36-character form.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return u, ErrUUID
	}
	var b [32]byte
	copy(b[0:], s[0:8])
	copy(b[8:], s[9:13])
	copy(b[12:], s[14:18])
	copy(b[16:], s[19:23])
	copy(b[20:], s[24:36])
	if _, err := hex.Decode(u[:], b[:]); err != nil {
		return UUID{}, ErrUUID
	}
	return u, nil
}

// EventID derives an event's id from the command that caused it, its place among that command's events and its content:
// a repeated command gives the same ids, and no other command can.
func EventID(command UUID, index int, typ, subject string, data []byte) string {
	h := sha256.New()
	h.Write(command[:])
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(index))
	h.Write(n[:])
	h.Write([]byte(typ))
	h.Write([]byte{0})
	h.Write([]byte(subject))
	h.Write([]byte{0})
	h.Write(data)
	var u UUID
	var sum [sha256.Size]byte
	copy(u[:], h.Sum(sum[:0]))
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}

// Partition places a key (the owner of the invariant: an offer id, a USCC) in one of n partitions, 0 <= result < n.
// It is part of the contract: senders compute it to address the partition's writer.
func Partition(key string, n int) int {
	if n <= 1 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(key))
	x := h.Sum64()
	x ^= x >> 32 // FNV's low bits alone are weak for short keys
	return int(x % uint64(n))
}
