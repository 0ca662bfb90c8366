package main

import (
	"context"
	"io"

	"github.com/jieli-bus/jieli/services/allinone"
	"github.com/rs/zerolog"
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

func startAllInOne(ctx context.Context, c upConfig, log io.Writer) (system, error) {
	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		return nil, err
	}
	if c.LogFormat == "text" {
		log = zerolog.ConsoleWriter{Out: log, NoColor: true, TimeFormat: "15:04:05"}
	}
	return allinone.Start(ctx, allinone.Options{
		Dir: c.Dir, HTTP: c.HTTP, NATS: c.NATS, Store: c.Store, Partitions: c.Partitions, Version: thisBuild().Version,
		Log: zerolog.New(log).Level(level).With().Timestamp().Logger(),
	})
}
