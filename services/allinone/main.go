package allinone

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// drainMax is how long a stopping process may finish what it has taken.
const drainMax = 20 * time.Second

// Main is the program of a process of its own: services of a system whose broker and read models are elsewhere. Flags go over JIELI_*
// environment variables, those over defaults. It returns the exit code: 0 stopped by a signal, 1 failed, 2 wrong usage.
func Main(version string, args []string, out io.Writer, services ...string) int {
	o, level, err := parse(args, out, services)
	if err != nil {
		if err != flag.ErrHelp {
			fmt.Fprintln(out, err)
		}
		return 2
	}
	o.Version = version
	o.Log = zerolog.New(out).Level(level).With().Timestamp().Str("service", strings.Join(services, "+")).Logger()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := Start(ctx, o)
	if err != nil {
		fmt.Fprintln(out, "启动失败 / it does not start:", err)
		return 1
	}
	o.Log.Info().Str("http", s.HTTP()).Str("broker", o.Broker).Msg("ready / 已就绪")
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

func parse(args []string, out io.Writer, services []string) (o Options, level zerolog.Level, err error) {
	flags := flag.NewFlagSet(strings.Join(services, " "), flag.ContinueOnError)
	flags.SetOutput(out)
	env := func(name, otherwise string) string {
		if v := os.Getenv("JIELI_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))); v != "" {
			return v
		}
		return otherwise
	}
	text := func(into *string, name, otherwise, usage string) {
		flags.StringVar(into, name, env(name, otherwise), usage)
	}
	text(&o.Dir, "dir", "", "directory of this process alone: heads, snapshots, its name / 本进程专用目录")
	text(&o.Broker, "broker", "nats://127.0.0.1:4222", "addresses of the broker, separated by commas / 消息代理地址")
	text(&o.Credentials, "credentials", "", "folder with the passwords, shared by all processes (jieli broker makes it) / 共用的凭证目录")
	text(&o.CA, "ca", "", "certificate of who signed the broker's, for TLS / 消息代理证书的签发者")
	text(&o.Store, "store", "redis://127.0.0.1:6379/0", "read models, shared by all processes / 共用的查询投影")
	text(&o.HTTP, "http", "127.0.0.1:0", "HTTP address: the portal's API, of others health and metrics; off / HTTP 地址")
	text(&o.Environment, "environment", "", "production refuses to start what is not safe for it / 运行环境")
	var word string
	text(&word, "log-level", "info", "trace, debug, info, warn, error, disabled / 日志级别")
	var partitions, replicas, ttl string
	text(&partitions, "partitions", "1", "partitions of each ledger, fixed once made / 账本分区数")
	text(&replicas, "replicas", "1", "replicas of what must not be lost: 1, 3 or 5 / 副本数")
	text(&ttl, "lease-ttl", "3s", "how long a lease outlives its process, at least 1s / 租约时长")
	if err := flags.Parse(args); err != nil {
		return o, level, err
	}
	if flags.NArg() > 0 {
		return o, level, fmt.Errorf("未知参数 / unknown argument %q", flags.Arg(0))
	}
	for _, n := range []struct {
		name, text string
		into       *int
	}{{"partitions", partitions, &o.Partitions}, {"replicas", replicas, &o.Replicas}} {
		if _, err := fmt.Sscanf(n.text, "%d", n.into); err != nil {
			return o, level, fmt.Errorf("%s: %q 不是整数 / is no number", n.name, n.text)
		}
	}
	if o.LeaseTTL, err = time.ParseDuration(ttl); err != nil {
		return o, level, fmt.Errorf("lease-ttl: %q 不是时长 / is no duration", ttl)
	}
	if level, err = zerolog.ParseLevel(word); err != nil {
		return o, level, fmt.Errorf("log-level: %q", word)
	}
	o.NATS, o.Services = off, services
	probe := o
	probe.setDefaults()
	return o, level, probe.Validate()
}
