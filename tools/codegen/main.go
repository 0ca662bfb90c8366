// Command codegen writes the generated code lists of contracts/codes: regions
// (GB/T 2260) and currencies (ISO 4217), notes their editions in
// editions.json, and writes the working days of contracts/calendar. It reads
// npm packages from a folder that generate.sh fills; it opens no connection
// itself, so the same folder always gives the same bytes.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "codegen:", err)
		os.Exit(1)
	}
}

// run is main without the process: it parses args, builds every list in
// memory and only then writes (or, with -check, compares), so a bad package
// never leaves half of the lists replaced.
func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("codegen", flag.ContinueOnError)
	packages := flags.String("packages", "", "folder that holds the unpacked npm packages (a node_modules folder)")
	target := flags.String("out", filepath.Join("..", "contracts", "codes"), "folder of the code lists")
	retrieved := flags.String("retrieved", "", "day the packages were retrieved, YYYY-MM-DD")
	check := flags.Bool("check", false, "compare with the lists on disk instead of writing them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *packages == "" {
		return errors.New("-packages is required")
	}
	if _, err := time.Parse(time.DateOnly, *retrieved); err != nil {
		return fmt.Errorf("-retrieved: %w", err)
	}
	files, err := generate(*packages, *target, *retrieved)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(*target, f.name)
		if *check {
			have, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if !bytes.Equal(have, f.content) {
				return fmt.Errorf("%s differs from what the packages give: run generate.sh", path)
			}
			continue
		}
		if err := os.WriteFile(path, f.content, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d lines\n", path, bytes.Count(f.content, []byte("\n")))
	}
	return nil
}

// file is one list to be written.
type file struct {
	name    string
	content []byte
}

func generate(packages, target, retrieved string) ([]file, error) {
	regions, err := mergeRegions(packages)
	if err != nil {
		return nil, fmt.Errorf("regions: %w", err)
	}
	currencies, published, err := readCurrencies(packages)
	if err != nil {
		return nil, fmt.Errorf("currencies: %w", err)
	}
	editions, err := updateEditions(filepath.Join(target, "editions.json"), map[string]edition{
		"regions": {
			Source: "GB/T 2260",
			Edition: "codes of the Ministry of Civil Affairs of 2021-01 with Hong Kong, Macao and Taiwan, " +
				"merged with the administrative changes up to the statistical list of 2023-06-30; " +
				"codes that only the older edition has are kept and marked as revoked",
			Packages:  []string{mcaPackage + "@" + mcaVersion, nbsPackage + "@" + nbsVersion},
			Retrieved: retrieved,
			Revoked:   regions.revoked,
		},
		"currencies": {
			Source:    "ISO 4217",
			Edition:   "list one of " + published,
			Packages:  []string{currencyPackage + "@" + currencyVersion},
			Retrieved: retrieved,
		},
	})
	if err != nil {
		return nil, err
	}
	regionsCSV, err := encodeCSV([]string{"code", "level", "name", "parent"}, regions.rows())
	if err != nil {
		return nil, err
	}
	currenciesCSV, err := encodeCSV([]string{"code", "minor_units", "name"}, currencies)
	if err != nil {
		return nil, err
	}
	calendar, err := readCalendar(packages)
	if err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	return append([]file{
		{"regions.csv", regionsCSV},
		{"currencies.csv", currenciesCSV},
		{"editions.json", editions},
	}, calendar...), nil
}
