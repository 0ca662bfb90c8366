package codes

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	industryFileBytesMax   = 1 << 20 // the complete list is about 70 kB
	industryRowsMax        = 4096    // the standard has 1,970 to 1,972
	industryNameRunesMax   = 100
	industryRowErrorsShown = 20
)

// IndustryNames holds the names of a complete list of GB/T 4754, read-only.
type IndustryNames struct {
	names       map[string]string
	counts      map[IndustryLevel]int
	differences []string
}

// Name returns the name of any code of the list, "" for others.
func (n *IndustryNames) Name(code string) string { return n.names[code] }

// Count returns how many codes of a level the list has. The standard has 473
// groups and 1,380 classes, 1,382 after amendment 1.
func (n *IndustryNames) Count(level IndustryLevel) int { return n.counts[level] }

// Differences returns the sections and divisions that the list names otherwise
// than the standard, one sentence each; Name gives the standard's name.
func (n *IndustryNames) Differences() []string { return slices.Clone(n.differences) }

// RowError is a refused row of a list.
type RowError struct {
	Line   int // line of the file, the header is line 1
	Code   string
	Reason Text
}

func (e *RowError) Error() string {
	return fmt.Sprintf("line %d: %q: %s", e.Line, e.Code, e.Reason.En)
}

// LoadIndustries reads a complete list of GB/T 4754 as UTF-8 CSV with the header
// code,level,name,parent: codes with their section's letter; levels section,
// division, group, class or 门类, 大类, 中类, 小类; rows in any order. A list is
// complete when it has every section and division, a group in every division and
// a class in every group.
//
// Each refused row is a *RowError in the returned error (errors.As, or Unwrap
// for the first 20); with any refused row no list is returned. An older edition
// is refused, because its divisions lie in other sections.
func LoadIndustries(r io.Reader) (*IndustryNames, error) {
	rows, err := readIndustryRows(r)
	if err != nil {
		return nil, err
	}
	list := &IndustryNames{
		names:  make(map[string]string, len(rows)),
		counts: map[IndustryLevel]int{},
	}
	var refused []error
	children := map[string]int{}
	for _, row := range rows {
		if reason, ok := list.add(row); !ok {
			refused = append(refused, &RowError{Line: row.line, Code: row.Code, Reason: reason})
			continue
		}
		children[row.Parent]++
	}
	// Only with every row taken: a refused row would bring up its neighbours too.
	if len(refused) == 0 {
		refused = list.missing(rows, children)
	}
	if len(refused) > 0 {
		if more := len(refused) - industryRowErrorsShown; more > 0 {
			refused = append(refused[:industryRowErrorsShown:industryRowErrorsShown], fmt.Errorf("and %d more", more))
		}
		return nil, errors.Join(refused...)
	}
	return list, nil
}

// missing returns what keeps the list from being complete.
func (n *IndustryNames) missing(rows []industryRow, children map[string]int) (complaints []error) {
	for _, row := range rows {
		if row.Parent != "" && n.names[row.Parent] == "" {
			complaints = append(complaints, &RowError{row.line, row.Code, Text{"上级代码不在表中", "the parent is not in the list"}})
		}
		if row.Level != Class && children[row.Code] == 0 {
			complaints = append(complaints, &RowError{row.line, row.Code, Text{"没有下级代码，表不完整", "no code below it: the list is not complete"}})
		}
	}
	for _, e := range AllIndustries() {
		if n.names[e.Code] == "" {
			complaints = append(complaints, fmt.Errorf("the list is not complete: %s %s is missing", e.Code, e.Name))
		}
	}
	return complaints
}

type industryRow struct {
	IndustryEntry
	line int
}

func readIndustryRows(r io.Reader) ([]industryRow, error) {
	raw, err := io.ReadAll(io.LimitReader(r, industryFileBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > industryFileBytesMax {
		return nil, fmt.Errorf("the list is larger than %d bytes", industryFileBytesMax)
	}
	if !utf8.Valid(raw) {
		return nil, errors.New("the list is not UTF-8")
	}
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	in.FieldsPerRecord = 4
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if !slices.Equal(header, []string{"code", "level", "name", "parent"}) {
		return nil, fmt.Errorf("header is %q, want code,level,name,parent", strings.Join(header, ","))
	}
	var rows []industryRow
	for {
		rec, err := in.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err // encoding/csv names the line
		}
		if len(rows) == industryRowsMax {
			return nil, fmt.Errorf("the list has more than %d rows", industryRowsMax)
		}
		line, _ := in.FieldPos(0)
		rows = append(rows, industryRow{IndustryEntry{rec[0], industryLevel(rec[1]), rec[2], rec[3]}, line})
	}
}

// industryLevel accepts the standard's own words for the levels.
func industryLevel(s string) IndustryLevel {
	switch s {
	case "门类":
		return Section
	case "大类":
		return Division
	case "中类":
		return Group
	case "小类":
		return Class
	}
	return IndustryLevel(s)
}

// add checks one row by itself and takes its name in.
func (n *IndustryNames) add(row industryRow) (Text, bool) {
	level, known := map[int]IndustryLevel{1: Section, 3: Division, 4: Group, 5: Class}[len(row.Code)]
	switch {
	case !known || !IndustryValid(row.Code):
		return Text{"不是 GB/T 4754-2017 的代码（门类字母加数字）", "not a code of GB/T 4754-2017 (section letter and digits)"}, false
	case row.Level != level:
		return Text{"层级与代码不符，应为 " + string(level), "the level does not fit the code, want " + string(level)}, false
	case row.Parent != IndustryParent(row.Code):
		return Text{"上级代码应为 " + IndustryParent(row.Code), "the parent must be " + IndustryParent(row.Code)}, false
	case !properName(row.Name):
		return Text{"名称为空、过长或含控制字符", "the name is empty, too long or has control characters"}, false
	case n.names[row.Code] != "":
		return Text{"代码重复", "the code stands twice"}, false
	}
	name := row.Name
	if standard := IndustryName(row.Code); standard != "" && standard != name {
		n.differences = append(n.differences, fmt.Sprintf("%s: %s / %s", row.Code, standard, name))
		name = standard
	}
	n.names[row.Code] = name
	n.counts[level]++
	return Text{}, true
}

func properName(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && utf8.RuneCountInString(s) <= industryNameRunesMax &&
		strings.IndexFunc(s, unicode.IsControl) < 0
}
