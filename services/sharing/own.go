package sharing

import (
	"bytes"

	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// own is what is left of a payload for one party: of lists whose items name a party, its own items. named is false where nothing in the
// payload names it: neither the payload itself nor an item of a list. Like cut it reads payloads of the ledger.
func own(data []byte, party string) (mine []byte, named bool, err error) {
	wanted := append(append([]byte{'"'}, party...), '"') // an id needs no escapes
	mine = make([]byte, 0, len(data))
	rest, err := fields(data, func(key, value []byte) error {
		if len(mine) == 0 {
			mine = append(mine, '{')
		} else {
			mine = append(mine, ',')
		}
		mine = append(append(mine, key...), ':')
		if string(key) == `"party"` && bytes.Equal(value, wanted) {
			named = true
		}
		if value[0] != '[' {
			mine = append(mine, value...)
			return nil
		}
		kept, err := ownItems(&mine, value, wanted)
		named = named || kept
		return err
	})
	if err == nil && len(rest) > 0 {
		err = errPayload
	}
	if len(mine) == 0 {
		mine = append(mine, '{')
	}
	return append(mine, '}'), named, err
}

// ownItems appends a list without the items that name another party; kept reports whether one names the wanted.
func ownItems(dst *[]byte, list, wanted []byte) (kept bool, err error) {
	out, n := append(*dst, '['), 0
	for b := list[1:]; ; {
		if len(b) > 0 && b[0] == ']' {
			*dst = append(out, ']')
			return kept, nil
		}
		if len(b) > 0 && b[0] == ',' {
			b = b[1:]
		}
		end, err := skip(b)
		if err != nil {
			return false, err
		}
		item := b[:end]
		b = b[end:]
		party, err := partyOf(item)
		if err != nil {
			return false, err
		}
		if party != nil && !bytes.Equal(party, wanted) && !planted.On("party_sees_anothers_offer") {
			continue
		}
		kept = kept || party != nil
		if n++; n > 1 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
}

// partyOf is the quoted party that an item of a list names, nil where it names none.
func partyOf(item []byte) (party []byte, err error) {
	if item[0] != '{' {
		return nil, nil
	}
	_, err = fields(item, func(key, value []byte) error {
		if string(key) == `"party"` {
			party = value
		}
		return nil
	})
	return party, err
}

// fields visits the fields of the object at the start of b, keys with their quotes, and returns what is behind it.
func fields(b []byte, visit func(key, value []byte) error) (rest []byte, err error) {
	if len(b) == 0 || b[0] != '{' {
		return b, errPayload
	}
	for b = b[1:]; ; {
		if len(b) > 0 && b[0] == '}' {
			return b[1:], nil
		}
		if len(b) > 0 && b[0] == ',' {
			b = b[1:]
		}
		end, err := skipString(b)
		if err != nil || end >= len(b) || b[end] != ':' {
			return b, errPayload
		}
		key := b[:end]
		b = b[end+1:]
		if end, err = skip(b); err != nil {
			return b, err
		}
		if err := visit(key, b[:end]); err != nil {
			return b, err
		}
		b = b[end:]
	}
}
