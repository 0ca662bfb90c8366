// Command policy runs the policy service as a process of its own: its broker and read models are elsewhere.
package main

import (
	"os"

	"github.com/jieli-bus/jieli/services/allinone"
)

var version = "dev"

func main() { os.Exit(allinone.Main(version, os.Args[1:], os.Stderr, "policy")) }
