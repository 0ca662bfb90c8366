package rows

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/jieli-bus/jieli/events"
)

// CSV reads a file whose header names payload fields; nested ones with a dot (contact.name). A cell of a list separates its
// values with ";", an amount is "5000000.00 CNY", a range of terms "12-36", anything deeper is JSON. Empty cells are
// absent, columns that begin with "_" are ignored.
func CSV(name string, kind Kind) (Source, error) {
	columns, err := columnsOf(kind)
	if err != nil {
		return nil, err
	}
	s := csvFile{name: name, kind: kind, columns: columns}
	header, err := s.header()
	if err != nil {
		return nil, err
	}
	var unknown []string
	for _, h := range header {
		if _, ok := columns[h]; !ok && !strings.HasPrefix(h, "_") {
			unknown = append(unknown, h)
		}
	}
	if len(unknown) > 0 {
		return nil, &HeaderError{File: name, Unknown: unknown, Known: columnNames(columns)}
	}
	return s, nil
}

// HeaderError says that a CSV file's header names fields that its kind does not have.
type HeaderError struct {
	File    string
	Unknown []string
	Known   []string
}

func (e *HeaderError) Error() string {
	return fmt.Sprintf("%s: unknown columns %s; known are %s", e.File, strings.Join(e.Unknown, ", "), strings.Join(e.Known, ", "))
}

type csvFile struct {
	name    string
	kind    Kind
	columns map[string]column
}

func (s csvFile) Size() int     { return max(countLines(s.name)-1, 0) }
func (s csvFile) Kinds() []Kind { return []Kind{s.kind} }

func (s csvFile) header() ([]string, error) {
	for record, err := range Records(s.name) {
		if err != nil {
			return nil, err
		}
		return record.Header, nil
	}
	return nil, nil // an empty file has no rows
}

func (s csvFile) Rows() iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		for record, err := range Records(s.name) {
			if err != nil {
				yield(nil, err)
				return
			}
			if record.Line == 1 && record.Cells == nil {
				continue
			}
			row := record.Row(s.kind)
			if row.Problem == nil {
				s.fill(row)
				row.complete()
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (s csvFile) fill(row *Row) {
	object := map[string]any{}
	for i, name := range row.Header {
		cell := strings.TrimSpace(row.Record[i])
		if cell == "" || strings.HasPrefix(name, "_") {
			continue
		}
		if name == targetColumn && (s.kind == Profile || s.kind == Title) {
			row.ID = cell
			continue
		}
		value, problem := s.columns[name].read(name, cell)
		if problem != nil {
			row.Problem = problem
			return
		}
		put(object, strings.Split(name, "."), value)
	}
	data, err := json.Marshal(object)
	if err != nil {
		row.Problem = events.ErrMalformed.Refuse("", err.Error(), err.Error())
		return
	}
	row.Data = data
}

func put(object map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	object[path[len(path)-1]] = value
}

// Record is one record of a CSV file. The first one that Records yields carries the header alone.
type Record struct {
	File    string
	Line    int
	Header  []string
	Cells   []string // as many as the header has
	Problem *events.Problem
}

// Get returns the cell under a column's name, "" when there is none.
func (r *Record) Get(name string) string {
	for i, h := range r.Header {
		if h == name && i < len(r.Cells) {
			return r.Cells[i]
		}
	}
	return ""
}

// Row begins a row of a kind from the record.
func (r *Record) Row(kind Kind) *Row {
	return &Row{File: r.File, Line: r.Line, Kind: kind, Header: r.Header, Record: r.Cells, Problem: r.Problem}
}

// Records yields the header and then each record of a CSV file; a record that cannot be read carries its problem.
func Records(name string) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		text, file, err := openText(name, true)
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		in := csv.NewReader(&lineGuard{r: text})
		in.FieldsPerRecord = -1
		header, err := in.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range header {
			header[i] = strings.TrimSpace(header[i])
		}
		if !yield(&Record{File: name, Line: 1, Header: header}, nil) {
			return
		}
		for {
			cells, err := in.Read()
			if err == io.EOF {
				return
			}
			record, fatal := readRecord(name, header, cells, err, in)
			if fatal != nil {
				yield(nil, fatal)
				return
			}
			if !yield(record, nil) {
				return
			}
		}
	}
}

func readRecord(name string, header, cells []string, err error, in *csv.Reader) (*Record, error) {
	record := &Record{File: name, Header: header, Cells: cells}
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		record.Line = bad.StartLine
		record.Cells = make([]string, len(header))
		record.Problem = events.ErrMalformed.Refuse("", "引号不配对，无法分列", "the quotes do not pair, the columns cannot be told apart")
		return record, nil
	case err != nil:
		return nil, err
	}
	record.Line, _ = in.FieldPos(0)
	switch {
	case len(cells) != len(header):
		record.Problem = events.ErrMalformed.Refusef("", "该行有 %d 列，表头有 %d 列", "the row has %d columns, the header %d", len(cells), len(header))
		record.Cells = append(cells, make([]string, len(header))...)[:len(header)]
	default:
		for i, cell := range cells {
			if !utf8.ValidString(cell) || strings.ContainsAny(cell, "\x00\ufffd") {
				record.Problem = events.ErrEncoding.Refusef("/"+strings.ReplaceAll(header[i], ".", "/"),
					"第 %d 列含有无法识别的字符或 NUL", "column %d has characters that cannot be read, or NUL", i+1)
				break
			}
		}
	}
	return record, nil
}
