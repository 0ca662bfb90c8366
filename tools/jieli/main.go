// Command jieli starts, feeds, asks and checks the bus. See `jieli help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := newCLI().run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
