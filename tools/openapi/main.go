// Command openapi writes contracts/openapi.yaml: the description of the HTTP face, made from the routes that serve it.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/jieli-bus/jieli/services/allinone"
)

func main() {
	check := flag.Bool("check", false, "fail if the file is not what the routes give, instead of writing it")
	file := flag.String("file", "contracts/openapi.yaml", "the file")
	flag.Parse()
	if err := run(*file, *check); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(file string, check bool) error {
	doc, err := allinone.OpenAPI()
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(file, doc, 0o644)
	}
	have, err := os.ReadFile(file)
	if err == nil && !bytes.Equal(have, doc) {
		err = errors.New(file + " is not what the routes give: run make generate")
	}
	return err
}
