// Command run calls `go test -json` with its arguments and tells what matters of it: one line a package, the whole output of
// every test that failed, every test that was skipped with its reason, and one summary. With CI=true a skipped test fails the
// run, unless it is one of those in the list in report.go, each with its reason.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	begun := time.Now()
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "go test does not start:", err)
		return 1
	}
	r := newReport(os.Stdout, os.Getenv("CI") == "true")
	in := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		r.line(line)
		if err != nil {
			break
		}
	}
	failed := cmd.Wait() != nil
	if !r.summary(time.Since(begun)) || failed {
		return 1
	}
	return 0
}
