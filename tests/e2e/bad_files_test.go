package e2e

import (
	"bytes"
	bits "encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
	"github.com/jieli-bus/jieli/tests/topology"
)

// importable are the commands that rows of files are.
var importable = map[string]string{events.TypeRegisterEnterprise: "enterprises", events.TypeRegisterParty: "parties", events.TypePublishOffer: "offers", events.TypePublishDemand: "demands"}

// importFile runs the program and returns its exit code, what it said, and the lines of the file of refused rows.
func (s *system) importFile(kind, name string, content []byte) (code int, said string, refused string) {
	s.t.Helper()
	jieli, _, err := topology.Programs()
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.t.TempDir()
	file, out := filepath.Join(dir, name), filepath.Join(dir, "refused"+filepath.Ext(name))
	if err := os.WriteFile(file, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(jieli, "import", kind, file, "--server", s.HTTP(), "--refused", out, "--lang", "en")
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	lines, err := os.ReadFile(out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text), string(lines)
}

// fileDoor puts the faults of each kind into one file and wants each row refused as at the other doors.
func (s *system) fileDoor(list []*fault, counts *tally) (rows int) {
	s.t.Helper()
	for typ, kind := range importable {
		var content bytes.Buffer
		var sent []*fault
		for _, f := range list {
			if f.typ == typ && !bytes.ContainsAny(f.body, "\r\n") {
				sent = append(sent, f)
				content.Write(f.body)
				content.WriteByte('\n')
			}
		}
		_, said, refused := s.importFile(kind, kind+".jsonl", content.Bytes())
		seen := make([]bool, len(sent))
		for line := range strings.Lines(refused) {
			var row struct {
				Line    int
				Problem json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil || row.Line < 1 || row.Line > len(sent) {
				s.t.Fatalf("%s: refused row %.300s: %v", kind, line, err)
			}
			f := sent[row.Line-1]
			seen[row.Line-1] = true
			if _, err := f.judge(row.Problem, 0); err != nil {
				s.t.Errorf("%s: in a file: %v", f.name(), err)
			}
			counts.add(inFile, f)
			rows++
		}
		for i, f := range sent {
			if !seen[i] {
				s.t.Errorf("%s: in a file it is not refused: %s\n%s", f.name(), f.body, said)
			}
		}
	}
	return rows
}

// TestBadFiles: what can be wrong with a file as such. Each has good rows beside the bad ones: those are taken.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	s := start(t, allinone.Options{})
	const header = "id,kind,name,region\n"
	good := func(id string) string { return id + ",park,示例园区,330100\n" }
	utf16le := func(text string) []byte {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(text)) {
			b = bits.LittleEndian.AppendUint16(b, u)
		}
		return b
	}
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(header + good("park-gb"))
	if err != nil {
		t.Fatal(err)
	}
	million := strings.Repeat("长", 1_000_000/3)
	for _, c := range []struct {
		name, file string
		kind       string
		content    []byte
		code       int                  // exit code
		says       string               // in what the program says
		refused    []events.ProblemKind // of the rows, in order
		taken      []string             // parties that are there afterwards
	}{
		{name: "GB18030 is read", content: []byte(gb), taken: []string{"park-gb"}},
		{name: "a byte order mark is read over", content: []byte("\ufeff" + header + good("park-bom")), taken: []string{"park-bom"}},
		{name: "UTF-16", content: utf16le(header + good("park-u16")), code: 2, says: "columns"},
		{name: "UTF-16 in lines of JSON", file: "p.jsonl", content: utf16le(`{"id":"park-u16"}` + "\n"), code: 1, refused: []events.ProblemKind{events.ErrEncoding, events.ErrEncoding}},
		{name: "an unknown column", content: []byte("id,kind,name,region,colour\npark-x,park,示例,330100,red\n"), code: 2, says: "colour"},
		{name: "a header of another kind", content: []byte("instrument,capacity\n1,2\n"), code: 2, says: "instrument"},
		{name: "no header", content: []byte(good("park-none")), code: 2, says: "park-none"},
		{name: "a missing column", content: []byte("id,name,region\npark-m,示例,330100\n"), code: 1, refused: []events.ProblemKind{events.ErrSchema}},
		{name: "ragged rows", content: []byte(header + "park-r,park,示例\n" + good("park-ok") + "park-s,park,示例,330100,more\n"), code: 1,
			refused: []events.ProblemKind{events.ErrMalformed, events.ErrMalformed}, taken: []string{"park-ok"}},
		{name: "a quote that never ends", content: []byte(header + good("park-q") + "\"park-r,park,示例,330100\n"), code: 1, refused: []events.ProblemKind{events.ErrMalformed}, taken: []string{"park-q"}},
		{name: "NUL", content: []byte(header + "park-n,park,示\x00例,330100\n"), code: 1, refused: []events.ProblemKind{events.ErrEncoding}},
		{name: "half a character", content: []byte(header + good("park-h") + "park-i,park,\xe7\xa0,330100\n"), code: 1},
		{name: "a cell of a million bytes", content: []byte(header + "park-l,park," + million + ",330100\n" + good("park-after")), code: 1, taken: []string{"park-after"}},
		{name: "a line of two million bytes", content: []byte(header + "park-l,park," + million + million + ",330100\n"), code: 1, says: "longer"},
		{name: "a line of two million bytes of JSON", file: "p.jsonl", content: []byte(`{"id":"` + million + million + "\"}\n" + `{"id":"park-j","kind":"park","name":"示例","region":"330100"}`), code: 1,
			refused: []events.ProblemKind{events.ErrTooLarge}, taken: []string{"park-j"}},
		{name: "a formula in place of an id", content: []byte(header + "=cmd|' /C calc'!A0,park,示例,330100\n"), code: 1, refused: []events.ProblemKind{events.ErrID}},
		{name: "a formula in place of a region", content: []byte(header + "park-f,park,示例,=1+1\n"), code: 1, refused: []events.ProblemKind{events.ErrRegion}},
		{name: "a region as a spreadsheet writes it", content: []byte(header + "park-e,park,示例,330100.0\n" + "park-e2,park,示例,3.301E+05\n"), code: 1, refused: []events.ProblemKind{events.ErrRegion, events.ErrRegion}},
		{name: "days as spreadsheets write them", kind: "enterprises", content: []byte("id,name,region,industry,founded\n" +
			"91330106MA2T0001XX,甲,330106,I65,2019/3/1\n91330106MA2T0001XX,乙,330106,I65,43525\n91330106MA2T0001XX,丙,330106,I65,2019年3月1日\n"), code: 1,
			refused: []events.ProblemKind{events.ErrDates, events.ErrDates, events.ErrDates}},
		{name: "an amount with commas", kind: "demands", content: []byte("id,enterprise,amount\nd-1,x-1,\"5,000,000.00 CNY\"\nd-2,x-1,5000000\n"), code: 1, refused: []events.ProblemKind{events.ErrMoney, events.ErrMoney}},
		{name: "an empty file", content: nil},
		{name: "a header alone", content: []byte(header)},
		{name: "no JSON", file: "p.jsonl", content: []byte("id=1\n[]\n7\n{\"id\":\n"), code: 1, refused: []events.ProblemKind{events.ErrMalformed, events.ErrSchema, events.ErrSchema, events.ErrMalformed}},
	} {
		kind, file := "parties", "p.csv"
		if c.kind != "" {
			kind = c.kind
		}
		if c.file != "" {
			file = c.file
		}
		code, said, refused := s.importFile(kind, file, c.content)
		if code != c.code || !strings.Contains(said, c.says) || strings.Contains(said, "goroutine ") || len(said) > 16<<10 {
			t.Errorf("%s: exit code %d, want %d; %.600s", c.name, code, c.code, said)
		}
		problems, err := problemsOf(file, refused)
		if err != nil {
			t.Errorf("%s: the file of refused rows: %v: %.300s", c.name, err, refused)
		}
		if c.refused != nil && len(problems) != len(c.refused) {
			t.Errorf("%s: refused rows: %v; %.600s", c.name, problems, said)
			continue
		}
		for i, want := range c.refused {
			if problems[i] != events.ProblemPrefix+want.Code {
				t.Errorf("%s: row %d is refused as %s, want %s", c.name, i+1, problems[i], want.Code)
			}
		}
		for _, id := range c.taken {
			s.get("/v1/parties/"+id, "", nil)
		}
	}
	r := s.verify()
	if n := r.Ledgers["enterprise"].Events + r.Ledgers["demand"].Events; n != 0 {
		t.Errorf("%d events of enterprises and demands", n)
	}
}

// problemsOf are the types in a file of refused rows, in the order of their lines.
func problemsOf(file, content string) ([]string, error) {
	byLine := map[int]string{}
	last := 0
	if strings.HasSuffix(file, ".csv") {
		records, err := csv.NewReader(strings.NewReader(content)).ReadAll()
		if err != nil {
			return nil, err
		}
		for _, record := range records[min(1, len(records)):] {
			var line int
			if _, err := fmt.Sscan(record[len(record)-4], &line); err != nil {
				return nil, err
			}
			byLine[line], last = record[len(record)-3], max(last, line)
		}
	} else {
		for text := range strings.Lines(content) {
			var row struct {
				Line    int
				Problem events.Problem
			}
			if err := json.Unmarshal([]byte(text), &row); err != nil {
				return nil, err
			}
			byLine[row.Line], last = row.Problem.Type, max(last, row.Line)
		}
	}
	var list []string
	for line := range last + 1 {
		if problem, ok := byLine[line]; ok {
			list = append(list, problem)
		}
	}
	return list, nil
}
