package intake

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/rows"
)

// RefusedFile holds the refused rows as they stood, each with its problem, so that they can be corrected and imported again: rows
// of a CSV file with four more columns that an import ignores, other rows as lines of {"kind","id","data","line","problem"}.
// Files are made when their first row comes.
type RefusedFile struct {
	name  string
	csv   *os.File
	cells *csv.Writer
	json  *os.File
	files []string
}

// NewRefusedFile names the file. With both kinds of rows in one import, the lines go to a second file of the same name with the
// other ending.
func NewRefusedFile(name string) *RefusedFile { return &RefusedFile{name: name} }

// Files are those that were made.
func (f *RefusedFile) Files() []string { return f.files }

// problemColumns stand behind the original ones.
var problemColumns = []string{"_line", "_problem", "_field", "_reason"}

// Add writes one row.
func (f *RefusedFile) Add(row *rows.Row, p *events.Problem) error {
	if row.Header != nil {
		return f.addRecord(row, p)
	}
	return f.addLine(row, p)
}

func (f *RefusedFile) create(ending string) (*os.File, error) {
	name := strings.TrimSuffix(f.name, filepath.Ext(f.name)) + ending
	file, err := os.Create(name)
	if err == nil {
		f.files = append(f.files, name)
	}
	return file, err
}

func (f *RefusedFile) addRecord(row *rows.Row, p *events.Problem) error {
	if f.csv == nil {
		var err error
		if f.csv, err = f.create(".csv"); err != nil {
			return err
		}
		f.cells = csv.NewWriter(f.csv)
		header := original(row.Header, row.Header)
		if err := f.cells.Write(append(header, problemColumns...)); err != nil {
			return err
		}
	}
	record := original(row.Header, row.Record)
	return f.cells.Write(append(record, strconv.Itoa(row.Line), p.Type, p.Field, sentence(p)))
}

// original leaves out the columns of an earlier refusal: a corrected row that is refused again has only the new one.
func original(header, cells []string) []string {
	var out []string
	for i, name := range header {
		if !strings.HasPrefix(name, "_") {
			out = append(out, cells[i])
		}
	}
	return out
}

func sentence(p *events.Problem) string {
	if p.Detail != "" {
		return p.Title + "：" + p.Detail
	}
	return p.Title
}

func (f *RefusedFile) addLine(row *rows.Row, p *events.Problem) error {
	if f.json == nil {
		var err error
		if f.json, err = f.create(".jsonl"); err != nil {
			return err
		}
	}
	line := struct {
		Kind    rows.Kind       `json:"kind"`
		ID      string          `json:"id,omitempty"`
		Data    json.RawMessage `json:"data,omitempty"`
		Text    string          `json:"text,omitempty"` // the line, where it was no JSON
		Line    int             `json:"line,omitempty"`
		Problem *events.Problem `json:"problem"`
	}{Kind: row.Kind, ID: row.ID, Line: row.Line, Problem: p}
	if json.Valid(row.Data) {
		line.Data = row.Data
	} else if len(row.Data) > 0 {
		line.Text = strings.ToValidUTF8(string(row.Data), string(utf8.RuneError))
	}
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = f.json.Write(append(b, '\n'))
	return err
}

// Close ends the files.
func (f *RefusedFile) Close() error {
	var errs []error
	if f.csv != nil {
		f.cells.Flush()
		errs = append(errs, f.cells.Error(), f.csv.Close())
	}
	if f.json != nil {
		errs = append(errs, f.json.Close())
	}
	return errors.Join(errs...)
}
