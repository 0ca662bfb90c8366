package allinone

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Program is who reads a configuration: `jieli up`, or a process of its own (`jieli serve` and the programs under services/cmd).
type Program int

// The programs.
const (
	Up Program = 1 << iota
	Serve
)

// Config is the configuration of a process. Each value may be given by flag, environment, file or default: see Settings.
type Config struct {
	Dir, HTTP, NATS, Broker, Credentials, CA, Store, Environment string
	Partitions, Replicas                                         int
	LeaseTTL                                                     time.Duration
	MaxDisk                                                      int64 // bytes; 0: see Options
	LogLevel, LogFormat                                          string
}

// Setting describes one value of the configuration: its flag is --name, its environment variable JIELI_NAME, its key in the file the name.
type Setting struct {
	Name      string
	For       Program // who has it
	Up, Serve string  // defaults
	ZH, EN    string  // what it is
	secret    bool    // it may hold a password
	set       func(c *Config, value string) error
}

// Default is the setting's default for a program.
func (s *Setting) Default(p Program) string {
	if p == Serve {
		return s.Serve
	}
	return s.Up
}

// Env is the name of its environment variable.
func (s *Setting) Env() string {
	return "JIELI_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Shown is a value as it may be shown: without its password.
func (s *Setting) Shown(value string) string {
	if !s.secret {
		return value
	}
	return masked(value)
}

// masked takes the passwords out of addresses.
func masked(value string) string {
	var list []string
	for _, part := range strings.Split(value, ",") {
		if u, err := url.Parse(part); err == nil && u.User != nil {
			part = u.Redacted()
		} else if err != nil && strings.Contains(part, "@") {
			part = "***"
		}
		list = append(list, part)
	}
	return strings.Join(list, ",")
}

var (
	logLevels  = []string{"trace", "debug", "info", "warn", "error", "disabled"}
	logFormats = []string{"text", "json"}
)

// Settings are all values of the configuration, the one description for every program.
var Settings = []Setting{
	{Name: "dir", For: Up | Serve, Up: "jieli-data", ZH: "数据目录，一个进程专用", EN: "data directory of this process alone", set: text(func(c *Config) *string { return &c.Dir })},
	{Name: "http", For: Up | Serve, Up: "127.0.0.1:8080", Serve: "127.0.0.1:0", ZH: "HTTP 地址，端口 0 为任意空闲端口，off 为不监听", EN: "HTTP address; port 0 takes a free one, off listens nowhere",
		set: text(func(c *Config) *string { return &c.HTTP })},
	{Name: "nats", For: Up, Up: "127.0.0.1:4222", ZH: "NATS 地址，off 为不对外监听", EN: "NATS address; off listens nowhere", set: text(func(c *Config) *string { return &c.NATS })},
	{Name: "broker", For: Serve, Serve: "nats://127.0.0.1:4222", secret: true, ZH: "消息代理地址，以逗号分隔", EN: "addresses of the broker, separated by commas",
		set: text(func(c *Config) *string { return &c.Broker })},
	{Name: "credentials", For: Serve, ZH: "各进程共用的凭证目录（由 jieli broker 生成）", EN: "folder with the passwords, shared by all processes (jieli broker makes it)",
		set: text(func(c *Config) *string { return &c.Credentials })},
	{Name: "ca", For: Serve, ZH: "消息代理证书的签发者（TLS）", EN: "certificate of who signed the broker's, for TLS", set: text(func(c *Config) *string { return &c.CA })},
	{Name: "store", For: Up | Serve, Up: "memory", Serve: "redis://127.0.0.1:6379/0", secret: true, ZH: "查询投影：memory 或 redis://主机:端口/库", EN: "read models: memory or redis://host:port/db",
		set: text(func(c *Config) *string { return &c.Store })},
	{Name: "partitions", For: Up | Serve, Up: "1", Serve: "1", ZH: "每个账本的分区数，建库后不变", EN: "partitions of each ledger, fixed once made", set: number0(func(c *Config) *int { return &c.Partitions })},
	{Name: "replicas", For: Serve, Up: "1", Serve: "1", ZH: "不可丢失数据的副本数：1、3 或 5", EN: "replicas of what must not be lost: 1, 3 or 5", set: number0(func(c *Config) *int { return &c.Replicas })},
	{Name: "lease-ttl", For: Up | Serve, Up: "5s", Serve: "3s", ZH: "租约时长，至少 1s", EN: "how long a lease outlives its process, at least 1s", set: func(c *Config, value string) (err error) {
		if c.LeaseTTL, err = time.ParseDuration(value); err != nil {
			return fmt.Errorf("%q 不是时长，例如 3s / is no duration such as 3s", value)
		}
		return nil
	}},
	{Name: "max-disk", For: Up | Serve, ZH: "全部消息流可占用的磁盘，例如 64GiB；缺省按磁盘空间", EN: "what all streams may take together, such as 64GiB; by default as the disk has room",
		set: func(c *Config, value string) (err error) {
			c.MaxDisk, err = parseBytes(value)
			return err
		}},
	{Name: "environment", For: Up | Serve, ZH: "运行环境；production 拒绝不适合生产的方式", EN: "production refuses to start what is not safe for it",
		set: text(func(c *Config) *string { return &c.Environment })},
	{Name: "log-level", For: Up | Serve, Up: "info", Serve: "info", ZH: "日志级别：trace、debug、info、warn、error、disabled", EN: "trace, debug, info, warn, error or disabled",
		set: oneOf(logLevels, func(c *Config) *string { return &c.LogLevel })},
	{Name: "log-format", For: Up | Serve, Up: "text", Serve: "json", ZH: "日志格式：text 或 json", EN: "text or json", set: oneOf(logFormats, func(c *Config) *string { return &c.LogFormat })},
}

func text(at func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*at(c) = value
		return nil
	}
}

func oneOf(words []string, at func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		if *at(c) = value; !slices.Contains(words, value) {
			return fmt.Errorf("%q 不在其中 / is none of: %s", value, strings.Join(words, ", "))
		}
		return nil
	}
}

func number0(at func(*Config) *int) func(*Config, string) error {
	return func(c *Config, value string) (err error) {
		if *at(c), err = strconv.Atoi(value); err != nil {
			return fmt.Errorf("%q 不是整数 / is no whole number", value)
		}
		return nil
	}
}

// parseBytes reads a size: a number of bytes, or one with KiB to TiB or kB to TB behind it. "" is 0.
func parseBytes(value string) (int64, error) {
	digits := strings.TrimRight(strings.TrimSpace(value), "kKMGTiB ")
	unit, known := map[string]int64{"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[strings.TrimSpace(value[len(digits):])]
	if value == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 0 || n > (1<<62)/unit {
		return 0, fmt.Errorf("%q 不是大小，例如 64GiB / is no size such as 64GiB", value)
	}
	return n * unit, nil
}

// Defaults is the configuration of a program that nobody has said anything to.
func Defaults(p Program) Config {
	var c Config
	for i := range Settings {
		if s := &Settings[i]; s.For&p != 0 {
			if err := s.set(&c, s.Default(p)); err != nil {
				panic(err) // a default that is wrong is a bug; a test reads them all
			}
		}
	}
	return c
}

// Logger writes what the process has to say.
func (c *Config) Logger(out io.Writer) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		return zerolog.Nop(), err
	}
	if c.LogFormat == "text" {
		out = zerolog.ConsoleWriter{Out: out, NoColor: true, TimeFormat: "15:04:05"}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), nil
}

// Options are what Start takes. No services: all of them with a broker inside.
func (c *Config) Options(version string, log zerolog.Logger, services ...string) Options {
	o := Options{Dir: c.Dir, HTTP: c.HTTP, NATS: c.NATS, Store: c.Store, Partitions: c.Partitions, Environment: c.Environment, LeaseTTL: c.LeaseTTL, MaxDisk: c.MaxDisk,
		Version: version, Log: log}
	if len(services) > 0 {
		o.NATS, o.Services, o.Broker, o.Credentials, o.CA, o.Replicas = off, services, c.Broker, c.Credentials, c.CA, c.Replicas
	}
	return o
}

// errRefused is why a configuration is not taken, named value by value.
var errRefused = errors.New("allinone: the configuration is wrong / 配置不对")
