package main

import (
	"context"
	"io"
	"os"
	"runtime/debug"

	"github.com/jieli-bus/jieli/services/allinone"
)

// system is a running all-in-one process, as far as up and demo need it.
type system interface {
	HTTP() string // URL, "" when it listens nowhere
	NATS() string
	Dir() string
	Close(ctx context.Context) error
}

// starter starts a system and returns when it takes commands.
type starter func(ctx context.Context, c upConfig, log io.Writer) (system, error)

// gcPercent trades memory for speed where nobody has said otherwise (GOGC): most of the heap is state that stays, and tracing it
// half as often gives the writers about a tenth of the machine.
const gcPercent = 200

func startAllInOne(ctx context.Context, c upConfig, log io.Writer) (system, error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	logger, err := c.Logger(log)
	if err != nil {
		return nil, err
	}
	return allinone.Start(ctx, c.Options(thisBuild().Version, logger))
}
