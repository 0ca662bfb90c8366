package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/jieli-bus/jieli/events"
)

// JSONLines reads a file of one JSON object a line. A line is a payload of the given kind, or {"kind":…,"id":…,"data":…}, which
// says itself what it is; a file of refused rows has that form and may be corrected and read again. With no kind given every line
// must have that form, and kinds may be mixed.
func JSONLines(name string, kind Kind) Source { return jsonLines{name, kind} }

type jsonLines struct {
	name string
	kind Kind // "": every line says what it is
}

func (s jsonLines) Size() int { return countLines(s.name) }

func (s jsonLines) Kinds() []Kind {
	if s.kind != "" {
		return []Kind{s.kind}
	}
	return []Kind{Enterprise, Party, Profile, Title, Offer, Demand}
}

func (s jsonLines) Rows() iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		r, file, err := openText(s.name, false)
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		in := bufio.NewReaderSize(r, LineBytesMax)
		for line := 1; ; line++ {
			text, err := in.ReadSlice('\n')
			row := &Row{File: s.name, Line: line, Kind: s.kind}
			if errors.Is(err, bufio.ErrBufferFull) {
				row.Problem = events.ErrTooLarge.Refusef("", "该行超过 %d 字节", "the line is longer than %d bytes", LineBytesMax)
				err = skipLine(in)
			} else if text = bytes.TrimSpace(text); len(text) > 0 {
				s.read(row, text)
			}
			if (row.Problem != nil || row.Data != nil) && !yield(row, nil) {
				return
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func skipLine(in *bufio.Reader) error {
	for {
		_, err := in.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (s jsonLines) read(row *Row, text []byte) {
	row.Data = bytes.Clone(text) // ReadSlice's buffer is reused
	switch {
	case !utf8.Valid(text):
		row.Problem = events.ErrEncoding.Refuse("", "该行不是 UTF-8", "the line is not UTF-8")
	case bytes.IndexByte(text, 0) >= 0:
		row.Problem = events.ErrEncoding.Refuse("", "该行含有 NUL 字符", "the line contains a NUL character")
	case !json.Valid(text):
		row.Problem = events.ErrMalformed.Refuse("", "该行不是合法的 JSON", "the line is not valid JSON")
	case text[0] != '{':
		row.Problem = events.ErrSchema.Refuse("", "该行不是 JSON 对象", "the line is not a JSON object")
	}
	if row.Problem != nil {
		return
	}
	var wrapped struct {
		Kind string          `json:"kind"`
		ID   string          `json:"id"`
		Data json.RawMessage `json:"data"`
	}
	// A payload may use these names with other types: then it is no wrapped line.
	if json.Unmarshal(text, &wrapped) == nil && wrapped.Data != nil {
		kind, ok := ParseKind(wrapped.Kind)
		if !ok {
			row.Problem = events.ErrCode.Refusef("/kind", "未知的类别 %q", "unknown kind %q", wrapped.Kind)
			return
		}
		if s.kind != "" && kind != s.kind {
			row.Problem = events.ErrMismatch.Refusef("/kind", "该行是 %s，本次只导入 %s；混合文件用 import all", "the line is a %s, this import is of %s only; use import all", kind, s.kind)
			return
		}
		row.Kind, row.ID, row.Data = kind, wrapped.ID, bytes.Clone(wrapped.Data)
	}
	if row.Kind == "" {
		row.Problem = events.ErrMalformed.Refuse("/kind", "混合文件的每一行都须写明 kind 和 data", "each line of a mixed file must say its kind and data")
		return
	}
	row.complete()
}
