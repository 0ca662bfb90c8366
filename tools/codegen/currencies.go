package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// listOne is the part of ISO 4217 list one that is kept: no countries and no
// numeric codes.
type listOne struct {
	Published string `xml:"Pblshd,attr"`
	Entries   []struct {
		Name       string `xml:"CcyNm"`
		Code       string `xml:"Ccy"`
		MinorUnits string `xml:"CcyMnrUnts"`
	} `xml:"CcyTbl>CcyNtry"`
}

// readCurrencies reads the list one that the package ships, not the package's
// own table: that one writes 0 minor units where the standard says there are
// none (gold, the testing code), and 0 is what yen has. Such units are left
// empty here.
func readCurrencies(packages string) (rows [][]string, published string, err error) {
	dir, err := requirePackage(packages, currencyPackage, currencyVersion)
	if err != nil {
		return nil, "", err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "iso-4217-list-one.xml"))
	if err != nil {
		return nil, "", err
	}
	var list listOne
	if err := xml.NewDecoder(bytes.NewReader(raw)).Decode(&list); err != nil {
		return nil, "", err
	}
	byCode := map[string][]string{}
	for _, e := range list.Entries {
		if e.Code == "" { // a territory without a currency of its own
			continue
		}
		units := e.MinorUnits
		switch {
		case units == "N.A.":
			units = ""
		case len(units) != 1 || units < "0" || units > "4":
			return nil, "", fmt.Errorf("%s: minor units %q", e.Code, e.MinorUnits)
		}
		row := []string{e.Code, units, strings.Join(strings.Fields(e.Name), " ")}
		if have, ok := byCode[e.Code]; ok && !slices.Equal(have, row) {
			return nil, "", fmt.Errorf("%s stands twice with different values: %q and %q", e.Code, have, row)
		}
		byCode[e.Code] = row
	}
	if len(byCode) == 0 {
		return nil, "", fmt.Errorf("%s: no currencies", currencyPackage)
	}
	for _, row := range byCode {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return rows, list.Published, nil
}
