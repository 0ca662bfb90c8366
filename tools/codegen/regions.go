package main

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// region is one row of regions.csv.
type region struct {
	code, level, name, parent string
}

// regionList is the merged list in code order, and the codes of it that the
// newer edition no longer has.
type regionList struct {
	regions []region
	revoked []string
}

func (l regionList) rows() [][]string {
	rows := make([][]string, len(l.regions))
	for i, r := range l.regions {
		rows[i] = []string{r.code, r.level, r.name, r.parent}
	}
	return rows
}

// mergeRegions joins the two editions. A code known to either resolves; where
// both name it, the newer edition's name wins. The newer one is a statistical
// list, so its codes that are not of GB/T 2260 are left out.
func mergeRegions(packages string) (regionList, error) {
	older, err := readMCA(packages)
	if err != nil {
		return regionList{}, err
	}
	newer, err := readNBS(packages)
	if err != nil {
		return regionList{}, err
	}
	merged := maps.Clone(older)
	maps.Copy(merged, newer)

	var list regionList
	for _, code := range slices.Sorted(maps.Keys(merged)) {
		r := merged[code]
		parent, err := parentOf(r, merged)
		if err != nil {
			return regionList{}, err
		}
		r.parent = parent
		list.regions = append(list.regions, r)
		// The newer edition does not cover Hong Kong, Macao and Taiwan at all,
		// so absence there says nothing about them.
		if _, current := newer[code]; !current && !strings.ContainsAny(code[:1], "78") {
			list.revoked = append(list.revoked, code)
		}
	}
	levels := []string{"province", "prefecture", "county"}
	slices.SortStableFunc(list.regions, func(a, b region) int {
		return cmp.Or(
			cmp.Compare(slices.Index(levels, a.level), slices.Index(levels, b.level)),
			cmp.Compare(a.code, b.code),
		)
	})
	return list, nil
}

// parentOf returns the prefecture (first four digits) where the list has it,
// else the province: the districts of Hong Kong and Macao have no prefecture.
func parentOf(r region, all map[string]region) (string, error) {
	if r.level == "province" {
		return "", nil
	}
	if r.level == "county" {
		if p, ok := all[r.code[:4]+"00"]; ok && p.level == "prefecture" {
			return p.code, nil
		}
	}
	if p, ok := all[r.code[:2]+"0000"]; ok && p.level == "province" {
		return p.code, nil
	}
	return "", fmt.Errorf("%s %s has no parent in the list", r.code, r.name)
}

// readMCA reads the older edition: the codes of the Ministry of Civil Affairs,
// with the districts of Hong Kong and Macao from their own files.
func readMCA(packages string) (map[string]region, error) {
	dir, err := requirePackage(packages, mcaPackage, mcaVersion)
	if err != nil {
		return nil, err
	}
	all := map[string]region{}
	for _, f := range []struct{ file, level string }{
		{"province.csv", "province"},
		{"city.csv", "prefecture"},
		{"area.csv", "county"},
		{"hongkong.csv", "county"},
		{"macau.csv", "county"},
	} {
		rows, err := readCSV(filepath.Join(dir, "dist", f.file))
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if err := add(all, region{code: row[0], level: f.level, name: row[1]}); err != nil {
				return nil, fmt.Errorf("%s: %w", f.file, err)
			}
		}
	}
	return all, nil
}

// readNBS reads the newer edition, whose codes are cut to the level's digits,
// and leaves out what is statistical only.
func readNBS(packages string) (map[string]region, error) {
	dir, err := requirePackage(packages, nbsPackage, nbsVersion)
	if err != nil {
		return nil, err
	}
	all := map[string]region{}
	for _, f := range []struct {
		file, level string
		digits      int
	}{
		{"provinces.csv", "province", 2},
		{"cities.csv", "prefecture", 4},
		{"areas.csv", "county", 6},
	} {
		rows, err := readCSV(filepath.Join(dir, "dist", f.file))
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			code, name := row[0], row[1]
			if len(code) != f.digits {
				return nil, fmt.Errorf("%s: code %q has not %d digits", f.file, code, f.digits)
			}
			code += strings.Repeat("0", 6-len(code))
			// A prefecture without counties (东莞市) stands here once more, in
			// the place of its only county.
			if f.level == "county" && (statisticalOnly(code) || strings.HasSuffix(code, "00")) {
				continue
			}
			if err := add(all, region{code: code, level: f.level, name: name}); err != nil {
				return nil, fmt.Errorf("%s: %w", f.file, err)
			}
		}
	}
	return all, nil
}

// statisticalOnly tells whether a county code of the statistical list is not of
// GB/T 2260. The standard gives 01-20 and 51-70 to districts and cities, 21-50
// to counties, 81-99 to county-level cities; the statistical list puts
// development zones at 71-80. Six further codes stand for forest districts, an
// administrative committee and a city that has no county level.
func statisticalOnly(code string) bool {
	if low := code[4:]; low >= "71" && low <= "80" {
		return true
	}
	switch code {
	case "232761", "232762", "232763", "232764", "620201", "632857":
		return true
	}
	return false
}

func add(all map[string]region, r region) error {
	if len(r.code) != 6 || strings.Trim(r.code, "0123456789") != "" {
		return fmt.Errorf("code %q is not six digits", r.code)
	}
	if r.name == "" || r.name != strings.TrimSpace(r.name) {
		return fmt.Errorf("%s: bad name %q", r.code, r.name)
	}
	if have, ok := all[r.code]; ok {
		return fmt.Errorf("%s stands twice: %s and %s", r.code, have.name, r.name)
	}
	all[r.code] = r
	return nil
}
