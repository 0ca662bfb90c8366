package codes

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// smallestList has one group and one class in every division.
func smallestList() []string {
	lines := []string{"code,level,name,parent"}
	for _, e := range AllIndustries() {
		lines = append(lines, fmt.Sprintf("%s,%s,%s,%s", e.Code, e.Level, e.Name, e.Parent))
		if e.Level == Division {
			lines = append(lines,
				fmt.Sprintf("%s1,group,%s甲,%s", e.Code, e.Name, e.Code),
				fmt.Sprintf("%s11,class,%s乙,%s1", e.Code, e.Name, e.Code))
		}
	}
	return lines
}

func TestLoadIndustries(t *testing.T) {
	text := "\ufeff" + strings.Join(smallestList(), "\r\n")
	text = strings.Replace(text, "C39,division,计算机、通信和其他电子设备制造业,C", "C39,大类,电子,C", 1)
	names, err := LoadIndustries(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := names.Name("I651"); got != "软件和信息技术服务业甲" {
		t.Errorf("I651 is %q", got)
	}
	if got := names.Name("I659"); got != "" {
		t.Errorf("I659 is %q", got)
	}
	if names.Count(Section) != 20 || names.Count(Division) != 97 || names.Count(Group) != 97 || names.Count(Class) != 97 {
		t.Error("counts", names.counts)
	}
	// The standard's name stays, the other one is told.
	if got := names.Name("C39"); got != "计算机、通信和其他电子设备制造业" {
		t.Errorf("C39 is %q", got)
	}
	if d := names.Differences(); len(d) != 1 || !strings.Contains(d[0], "电子") {
		t.Errorf("differences %q", d)
	}
}

func TestLoadIndustriesRefusesRows(t *testing.T) {
	for name, c := range map[string]struct {
		row    string // replaces line 3, which is A01
		reason string
	}{
		"bare digits":       {"01,division,农业,A", "not a code"},
		"other section":     {"B01,division,农业,B", "not a code"},
		"unknown level":     {"A01,part,农业,A", "level"},
		"level of another":  {"A01,group,农业,A", "level"},
		"parent of another": {"A01,division,农业,B", "parent must be A"},
		"no parent":         {"A01,division,农业,", "parent must be A"},
		"no name":           {"A01,division,,A", "name"},
		"blank name":        {"A01,division, ,A", "name"},
		"NUL in the name":   {"A01,division,农\x00业,A", "name"},
		"long name":         {"A01,division," + strings.Repeat("农", 101) + ",A", "name"},
		"twice":             {"A,section,农、林、牧、渔业,", "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := smallestList()
			lines[2] = c.row
			_, err := LoadIndustries(strings.NewReader(strings.Join(lines, "\n")))
			var row *RowError
			if !errors.As(err, &row) {
				t.Fatalf("got %v, want a row error", err)
			}
			if row.Line != 3 || !strings.Contains(row.Reason.En, c.reason) || row.Reason.Zh == "" {
				t.Errorf("got line %d, %+v, want line 3, %q", row.Line, row.Reason, c.reason)
			}
		})
	}
}

func TestLoadIndustriesRefusesFiles(t *testing.T) {
	whole := smallestList()
	without := func(line int) string {
		return strings.Join(append(append([]string{}, whole[:line]...), whole[line+1:]...), "\n")
	}
	many := append([]string{}, whole...)
	for range industryRowsMax {
		many = append(many, "A0111,class,x,A011")
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "header"},
		"header only":      {whole[0], "is missing"},
		"other header":     {"code,name\nA,x", "fields"},
		"renamed header":   {"code,level,title,parent\n", "header"},
		"missing column":   {whole[0] + "\nA,section,x\n", "wrong number of fields"},
		"open quote":       {whole[0] + "\nA,section,\"x,\n", "quote"},
		"division missing": {without(2), "parent is not in the list"},
		"class missing":    {without(4), "not complete"},
		"not UTF-8":        {whole[0] + "\nA,section,\xbf\xc6\xbc\xbc,\n", "UTF-8"},
		"too many rows":    {strings.Join(many, "\n"), "more than 4096 rows"},
		"too large":        {strings.Repeat("x", industryFileBytesMax+1), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			names, err := LoadIndustries(strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || names != nil {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestLoadIndustriesShowsABoundedNumberOfRows(t *testing.T) {
	text := "code,level,name,parent\n" + strings.Repeat("X99,division,x,X\n", 500)
	_, err := LoadIndustries(strings.NewReader(text))
	if err == nil {
		t.Fatal("accepted")
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != industryRowErrorsShown+1 || lines[len(lines)-1] != "and 480 more" {
		t.Errorf("%d lines, the last one %q", len(lines), lines[len(lines)-1])
	}
}
