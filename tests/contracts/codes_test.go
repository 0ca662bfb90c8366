package contracts_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/contracts/codes"
)

// sharedTable reads a CSV file of ../shared/data beside the repository, by column
// name. The folder is not part of the repository: without it the test is
// skipped, but never in CI.
func sharedTable(t *testing.T, path ...string) (raw []byte, rows []map[string]string) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.work above the test")
		}
		dir = filepath.Dir(dir)
	}
	name := filepath.Join(append([]string{dir, "..", "shared", "data"}, path...)...)
	raw, err = os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skipf("the reference data is not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, rec := range all[1:] {
		row := map[string]string{}
		for i, column := range all[0] {
			row[column] = rec[i]
		}
		rows = append(rows, row)
	}
	return raw, rows
}

// The statistical list of 2023 is no edition of GB/T 2260, so it may have codes
// that ours has not, but where both have one they must agree.
func TestRegionsAgreeWithTheStatisticalList(t *testing.T) {
	_, rows := sharedTable(t, "cn-codes", "gb2260-nbs2023.csv")
	inList := map[string]bool{}
	var onlyThere []string
	for _, row := range rows {
		inList[row["code"]] = true
		e, ok := codes.Region(row["code"])
		if !ok {
			onlyThere = append(onlyThere, row["code"]+" "+row["name"])
			// Such codes still come as far as their prefecture.
			if near, ok := codes.RegionNearest(row["code"]); !ok || near.Code != row["parent"] {
				t.Errorf("%s %s: nearest is %q", row["code"], row["name"], near.Code)
			}
			continue
		}
		// A prefecture without counties stands there a second time as its own.
		if row["parent"] == row["code"] {
			continue
		}
		if e.Name != row["name"] || e.Parent != row["parent"] || string(e.Level) != row["level"] {
			t.Errorf("ours %+v, theirs %v", e, row)
		}
		if e.Revoked {
			t.Errorf("%s %s is revoked here and current there", e.Code, e.Name)
		}
	}
	var onlyHere []string
	for _, e := range codes.AllRegions() {
		// Hong Kong, Macao and Taiwan are outside the statistical list.
		if !inList[e.Code] && e.Code[0] < '7' {
			onlyHere = append(onlyHere, e.Code+" "+e.Name)
			if !e.Revoked {
				t.Errorf("%s %s is not there and not revoked here", e.Code, e.Name)
			}
		}
	}
	t.Logf("%d codes only in the statistical list, %d only here (all revoked): %v", len(onlyThere), len(onlyHere), onlyHere)
	// Development zones and the like. More would mean that changes of the
	// standard are missing here, fewer that zones came into our list.
	if n := len(onlyThere); n < 120 || n > 140 {
		t.Errorf("%d codes only in the statistical list: %v", n, onlyThere)
	}
	if n := len(onlyHere); n < 10 || n > 40 {
		t.Errorf("%d codes only here", n)
	}
}

// Three divisions are named otherwise in the reference list than in the standard.
var industriesNamedOtherwise = map[string]string{
	"C15": "酒、饮料及精制茶制造业",
	"M75": "科技推广和应用服务",
	"R87": "广播、电视、电影和影视录音制作业",
}

func TestIndustriesAgreeWithTheReferenceList(t *testing.T) {
	raw, rows := sharedTable(t, "cn-codes", "gbt4754-2017.csv")
	compared := 0
	theirs := map[string]map[string]string{}
	for _, row := range rows {
		theirs[row["code"]] = row
		if !codes.IndustryValid(row["code"]) {
			t.Errorf("%v is refused", row)
		}
		if row["parent"] != codes.IndustryParent(row["code"]) || row["parent"] != "" && !codes.IndustryWithin(row["code"], row["parent"]) {
			t.Errorf("%v: parent here %q", row, codes.IndustryParent(row["code"]))
		}
		if row["level"] == "门类" || row["level"] == "大类" {
			compared++
		}
	}
	for _, e := range codes.AllIndustries() {
		name := theirs[e.Code]["name"]
		if want, other := industriesNamedOtherwise[e.Code]; other && name == want {
			continue
		}
		if e.Name != name {
			t.Errorf("%s: ours %q, theirs %q", e.Code, e.Name, name)
		}
	}
	if compared != 117 || len(codes.AllIndustries()) != 117 {
		t.Errorf("%d sections and divisions there, %d here", compared, len(codes.AllIndustries()))
	}

	names, err := codes.LoadIndustries(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if names.Count(codes.Group) != 473 || names.Count(codes.Class) < 1380 || names.Count(codes.Class) > 1382 {
		t.Errorf("%d groups, %d classes", names.Count(codes.Group), names.Count(codes.Class))
	}
	if d := names.Differences(); len(d) != len(industriesNamedOtherwise) {
		t.Errorf("differences %q", d)
	}
	if got := names.Name("I6513"); got != theirs["I6513"]["name"] || got == "" {
		t.Errorf("I6513 is %q", got)
	}
}

func TestCurrenciesAgreeWithTheReferenceList(t *testing.T) {
	_, rows := sharedTable(t, "cn-codes", "iso4217-2024-06-25.csv")
	for _, row := range rows {
		units := -1
		if row["minor_units"] != "N.A." {
			n, err := strconv.Atoi(row["minor_units"])
			if err != nil {
				t.Fatal(err)
			}
			units = n
		}
		if e, ok := codes.Currency(row["code"]); !ok || e.MinorUnits != units || e.Name != strings.TrimSpace(row["name"]) {
			t.Errorf("ours %+v, theirs %v", e, row)
		}
	}
	if n := len(codes.AllCurrencies()); n != len(rows) {
		t.Errorf("%d currencies here, %d there", n, len(rows))
	}
}

func TestRealSocialCreditCodes(t *testing.T) {
	_, rows := sharedTable(t, "id-vectors", "uscc.csv")
	valid, refused := 0, 0
	for _, row := range rows {
		code := row["uscc"]
		err := codes.CheckUSCC(code)
		if (err == nil) != (row["check_digit_valid"] == "true") {
			t.Errorf("%s %s: %v", code, row["holder"], err)
		}
		if row["org_code_check"] == "org-ok" && !codes.USCCOrgCheck(code) {
			t.Errorf("%s %s: the organisation code fails", code, row["holder"])
		}
		if err != nil {
			refused++
			continue
		}
		valid++
		region := codes.USCCRegion(code)
		if near, ok := codes.RegionNearest(region); !ok || near.Code[:2] != code[2:4] {
			t.Errorf("%s %s: region %s resolves to %+v", code, row["holder"], region, near)
		}
		if made, err := codes.MakeUSCC(region, code[8:17]); err != nil || code[:2] == "91" && made != code {
			t.Errorf("%s is made as %s, %v", code, made, err)
		}
	}
	if valid == 0 || refused == 0 {
		t.Errorf("%d valid, %d refused", valid, refused)
	}
}
