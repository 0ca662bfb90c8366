package rows

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/jieli-bus/jieli/events"
)

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func all(t *testing.T, s Source) []*Row {
	t.Helper()
	var out []*Row
	for r, err := range s.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func code(r *Row) string {
	if r.Problem == nil {
		return ""
	}
	return strings.TrimPrefix(r.Problem.Type, events.ProblemPrefix)
}

const enterprises = "id,name,region,industry,focus,contact.name\n" +
	"x-1,甲公司,330106,I65,sei_information;sei_services,\n" +
	"x-2,\"乙,公司\",110108,C39,,张三\n"

func TestCSVEncodings(t *testing.T) {
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(enterprises)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"utf8": enterprises, "bom": "\xef\xbb\xbf" + enterprises, "gb18030": gb, "crlf": strings.ReplaceAll(enterprises, "\n", "\r\n")} {
		t.Run(name, func(t *testing.T) {
			s, err := CSV(file(t, "a.csv", content), Enterprise)
			if err != nil {
				t.Fatal(err)
			}
			got := all(t, s)
			if len(got) != 2 || code(got[0])+code(got[1]) != "" {
				t.Fatalf("%d rows, problems %q %q", len(got), code(got[0]), code(got[1]))
			}
			var e events.RegisterEnterprise
			if err := json.Unmarshal(got[0].Data, &e); err != nil || e.Name != "甲公司" || len(e.Focus) != 2 || e.Contact != nil || got[0].Line != 2 {
				t.Errorf("%+v line %d: %v", e, got[0].Line, err)
			}
			if err := json.Unmarshal(got[1].Data, &e); err != nil || e.Name != "乙,公司" || e.Contact == nil || e.Contact.Name != "张三" {
				t.Errorf("%+v: %v", e, err)
			}
			if s.Size() != 2 {
				t.Errorf("size %d", s.Size())
			}
		})
	}
}

func TestCSVBadRows(t *testing.T) {
	content := "id,party,instrument,capacity,min_ticket,max_ticket,term_months,valid_until,min_price_bp\n" +
		"o1,p,credit_loan,100.00 CNY,1 CNY,10 CNY,12-36,2035-01-01T00:00:00Z,300\n" + // good
		"o2,p,credit_loan,100.00,1 CNY,10 CNY,12,2035-01-01T00:00:00Z,300\n" + // no currency
		"o3,p,credit_loan,100.00 CNY,1 CNY,10 CNY,12,2035-01-01T00:00:00Z,three\n" + // no integer
		"o4,p,credit_loan\n" + // too few columns
		"o5,p,credit_loan,1 CNY,1 CNY,1 CNY,x,2035-01-01T00:00:00Z,1\n" + // no months
		"o6,p\x00,credit_loan,1 CNY,1 CNY,1 CNY,1,2035-01-01T00:00:00Z,1\n" + // NUL
		"o7,p,cre\"dit,1 CNY,1 CNY,1 CNY,1,2035-01-01T00:00:00Z,1\n" + // bare quote
		"o8,\xff\xfe,credit_loan,1 CNY,1 CNY,1 CNY,1,2035-01-01T00:00:00Z,1\n" + // broken encoding, but the head decides the file's
		"o9,p,credit_loan,1 CNY,1 CNY,1 CNY,1,2035-01-01T00:00:00Z,1\n"
	s, err := CSV(file(t, "o.csv", content), Offer)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ code, field string }{
		{"", ""}, {"money", "/capacity"}, {"schema", "/min_price_bp"}, {"malformed", ""}, {"schema", "/term_months"}, {"encoding", "/party"}, {"malformed", ""}, {"encoding", "/party"}, {"", ""},
	}
	got := all(t, s)
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i, w := range want {
		field := ""
		if got[i].Problem != nil {
			field = got[i].Problem.Field
		}
		if code(got[i]) != w.code || field != w.field || got[i].Line != i+2 || len(got[i].Record) != len(got[i].Header) {
			t.Errorf("row %d: %q at %q, line %d; want %q at %q", i, code(got[i]), field, got[i].Line, w.code, w.field)
		}
	}
	var o events.PublishOffer
	if err := json.Unmarshal(got[0].Data, &o); err != nil || o.Capacity.Minor != 10_000 || o.TermMonths.Max != 36 || *o.MinPriceBP != 300 {
		t.Errorf("%+v: %v", o, err)
	}
}

func TestCSVHeader(t *testing.T) {
	_, err := CSV(file(t, "a.csv", "id,nmae,_note\nx,y,z\n"), Enterprise)
	var header *HeaderError
	if !errors.As(err, &header) || len(header.Unknown) != 1 || header.Unknown[0] != "nmae" {
		t.Fatalf("error %v", err)
	}
	if _, err := CSV(file(t, "e.csv", ""), Enterprise); err != nil {
		t.Errorf("an empty file: %v", err)
	}
	s, err := CSV(file(t, "long.csv", "id,name\nx,\""+strings.Repeat("a", LineBytesMax+10)), Enterprise)
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range s.Rows() {
		if err != nil {
			break
		}
	}
	if !errors.Is(err, ErrLineTooLong) {
		t.Errorf("an unclosed quote: %v", err)
	}
}

func TestJSONLines(t *testing.T) {
	content := "\xef\xbb\xbf" + `{"kind":"enterprise","data":{"id":"x-1","name":"甲"}}` + "\n\n" +
		`{"kind":"party","data":{"id":"p","kind":"bank"}}` + "\n" +
		`{"kind":"bank","id":"p"}` + "\n" + // a payload that happens to have a kind: no wrapped line
		`{"kind":"profile","id":"x-1","data":{"fiscal_year":2025,"employees":3}}` + "\n" +
		`{"kind":"profile","data":{"fiscal_year":2025}}` + "\n" +
		`{"kind":"bond","data":{}}` + "\n" +
		`{"id":` + "\n" + `[1]` + "\n" + "{\"a\":\"\xff\"}\n" +
		`{"big":"` + strings.Repeat("a", LineBytesMax) + `"}` + "\n" +
		`{"kind":"demand","data":{"enterprise":"x-1"}}`
	s := JSONLines(file(t, "a.jsonl", content), "")
	want := []struct {
		kind Kind
		code string
		line int
	}{
		{Enterprise, "", 1}, {Party, "", 3}, {"", "malformed", 4}, {Profile, "", 5}, {Profile, "id", 6}, {"", "code", 7},
		{"", "malformed", 8}, {"", "schema", 9}, {"", "encoding", 10}, {"", "too-large", 11}, {Demand, "", 12},
	}
	got := all(t, s)
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i, w := range want {
		if got[i].Kind != w.kind || code(got[i]) != w.code || got[i].Line != w.line {
			t.Errorf("row %d: %s %q line %d, want %+v", i, got[i].Kind, code(got[i]), got[i].Line, w)
		}
	}
	if got[3].Path() != "/v1/enterprises/x-1/profile" {
		t.Errorf("path %s", got[3].Path())
	}
	var d struct{ ID, Enterprise string }
	if err := json.Unmarshal(got[10].Data, &d); err != nil || !strings.HasPrefix(d.ID, "import-") || d.Enterprise != "x-1" {
		t.Errorf("derived id: %+v %v", d, err)
	}
	again := all(t, s)
	for i := range got {
		if got[i].Key() != again[i].Key() {
			t.Errorf("row %d has another key the second time", i)
		}
	}
	if got[0].Key() == got[1].Key() {
		t.Error("two rows have one key")
	}
	one := all(t, JSONLines(file(t, "b.jsonl", `{"id":"p","kind":"bank"}`+"\n"+`{"kind":"party","data":{"id":"q"}}`+"\n"+`{"kind":"offer","data":{}}`), Party))
	if len(one) != 3 || code(one[0])+code(one[1]) != "" || code(one[2]) != "subject-mismatch" || string(one[1].Data) != `{"id":"q"}` {
		t.Errorf("a file of one kind: %q %q %q", code(one[0]), code(one[1]), code(one[2]))
	}
}

func FuzzJSONLines(f *testing.F) {
	f.Add([]byte(`{"kind":"demand","data":{}}`))
	f.Add([]byte("{\"a\":1}\n\x00\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for r, err := range JSONLines(file(t, "f.jsonl", string(content)), Demand).Rows() {
			if err != nil {
				t.Fatal(err)
			}
			if r.Problem == nil && !json.Valid(r.Data) {
				t.Fatalf("accepted %q", r.Data)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(enterprises))
	f.Add([]byte("id,name\n\"a\nb,c\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := CSV(file(t, "f.csv", string(content)), Enterprise)
		if err != nil {
			return
		}
		for r, err := range s.Rows() {
			if err != nil {
				return
			}
			if r.Problem == nil && !json.Valid(r.Data) {
				t.Fatalf("accepted %q", r.Data)
			}
		}
	})
}

// TestIDThatIsNone: an offer's id of null or "" once got a second id in front of it, and the row was refused for the repeated key
// instead of for its id. Only a row without one gets an id.
func TestIDThatIsNone(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"id":null,"a":1}`, `{"id":null,"a":1}`},
		{`{"id":"","a":1}`, `{"id":"","a":1}`},
		{`{"id":7}`, `{"id":7}`},
		{`{"ID":"x"}`, `{"id":"import-`},
		{`{}`, `{"id":"import-`},
	} {
		got := all(t, JSONLines(file(t, "o.jsonl", c.in+"\n"), Offer))
		if len(got) != 1 || got[0].Problem != nil || !strings.HasPrefix(string(got[0].Data), c.want) {
			t.Errorf("%s: %s", c.in, got[0].Data)
		}
	}
}
