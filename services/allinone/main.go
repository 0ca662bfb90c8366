package allinone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"
)

// drainMax is how long a stopping process may finish what it has taken.
const drainMax = 20 * time.Second

// Main is the program of a process of its own: services of a system whose broker and read models are elsewhere. Its configuration
// is that of Settings: flags go over JIELI_* environment variables, those over a file, that over
// defaults. It returns the exit code: 0 stopped by a signal, 1 failed, 2 wrong usage.
func Main(version string, args []string, out io.Writer, services ...string) int {
	c, err := parse(args, out, services)
	var log zerolog.Logger
	if err == nil {
		log, err = c.Logger(out)
	}
	if err != nil {
		if !errors.Is(err, pflag.ErrHelp) {
			fmt.Fprintln(out, err)
		}
		return 2
	}
	o := c.Options(version, log.With().Str("service", strings.Join(services, "+")).Logger(), services...)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := Start(ctx, o)
	if err != nil {
		fmt.Fprintln(out, "启动失败 / it does not start:", err)
		return 1
	}
	o.Log.Info().Str("http", s.HTTP()).Str("broker", masked(o.Broker)).Msg("ready / 已就绪")
	<-ctx.Done()
	o.Log.Info().Msg("stopping: commands that were taken are answered first / 正在停止：先答复已受理的命令")
	drain, cancel := context.WithTimeout(context.Background(), drainMax)
	defer cancel()
	if err := s.Close(drain); err != nil {
		fmt.Fprintln(out, "停止时出错 / trouble while stopping:", err)
		return 1
	}
	return 0
}

func parse(args []string, out io.Writer, services []string) (c Config, err error) {
	flags := pflag.NewFlagSet(strings.Join(services, " "), pflag.ContinueOnError)
	flags.SetOutput(out)
	AddFlags(flags, Serve, func(zh, en string) string { return en + " / " + zh })
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("未知参数 / unknown argument %q", flags.Arg(0))
	}
	c, _, err = Load(Serve, flags, os.Getenv, services...)
	return c, err
}
