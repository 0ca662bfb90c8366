package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// drainMax is how long a stopping system may finish what it has taken.
const drainMax = 20 * time.Second

// upConfig is the configuration of `up`.
type upConfig struct {
	Dir        string `koanf:"dir"`
	HTTP       string `koanf:"http"`
	NATS       string `koanf:"nats"`
	Store      string `koanf:"store"`
	Partitions int    `koanf:"partitions"`
	// Environment "production" refuses to start what is not safe for it.
	Environment string `koanf:"environment"`
	LogLevel    string `koanf:"log-level"`
	LogFormat   string `koanf:"log-format"`
}

func upDefaults() upConfig {
	return upConfig{Dir: "jieli-data", HTTP: "127.0.0.1:8080", NATS: "127.0.0.1:4222", Store: "memory", Partitions: 1, LogLevel: "info", LogFormat: "text"}
}

// validate names everything that is wrong with what the system itself does not check.
func (u upConfig) validate() error {
	var wrong []string
	if !slices.Contains([]string{"trace", "debug", "info", "warn", "error", "disabled"}, u.LogLevel) {
		wrong = append(wrong, fmt.Sprintf("log-level %q: trace, debug, info, warn, error, disabled", u.LogLevel))
	}
	if u.LogFormat != "text" && u.LogFormat != "json" {
		wrong = append(wrong, fmt.Sprintf("log-format %q: text, json", u.LogFormat))
	}
	if u.Dir == "" {
		wrong = append(wrong, "dir: \"\"")
	}
	if len(wrong) > 0 {
		list := strings.Join(wrong, "; ")
		return usage("配置不对："+list, "wrong configuration: "+list)
	}
	return nil
}

func (c *cli) upCommand() *cobra.Command {
	d := upDefaults()
	file := ""
	cmd := &cobra.Command{
		Use:   "up",
		Short: c.t("在一个进程中启动全部服务", "Start everything in one process"),
		Long: c.t("启动全部服务和内嵌消息代理。配置的优先次序：命令行参数 > 环境变量 JIELI_* > 配置文件 jieli.yaml > 缺省值。",
			"Starts every service and an embedded broker. Flags go over JIELI_* environment variables, those over the file jieli.yaml, that over defaults."),
		Example: "  jieli up\n  jieli up --dir /var/lib/jieli --store redis://127.0.0.1:6379/0",
		Args:    c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := c.upConfig(cmd.Flags(), file)
			if err != nil {
				return err
			}
			return c.up(cmd.Context(), config)
		},
	}
	flags := cmd.Flags()
	flags.String("dir", d.Dir, c.t("数据目录", "data directory"))
	flags.String("http", d.HTTP, c.t("HTTP 地址，端口 0 为任意空闲端口", "HTTP address; port 0 takes a free one"))
	flags.String("nats", d.NATS, c.t("NATS 地址，off 为不对外监听", "NATS address; off listens nowhere"))
	flags.String("store", d.Store, c.t("查询投影：memory 或 redis://主机:端口/库", "projections: memory or redis://host:port/db"))
	flags.Int("partitions", d.Partitions, c.t("每个账本的分区数，建库后不变", "partitions of each ledger, fixed once made"))
	flags.String("environment", d.Environment, c.t("运行环境；production 拒绝不适合生产的方式", "production refuses to start what is not safe for it"))
	flags.String("log-level", d.LogLevel, c.t("日志级别：trace、debug、info、warn、error、disabled", "trace, debug, info, warn, error or disabled"))
	flags.String("log-format", d.LogFormat, c.t("日志格式：text 或 json", "text or json"))
	flags.StringVar(&file, "config", "", c.t("配置文件（缺省 ./jieli.yaml，可以没有）", "configuration file (default ./jieli.yaml, which may be absent)"))
	return cmd
}

// layer is one source of configuration for koanf.
type layer map[string]any

func (l layer) Read() (map[string]any, error) { return l, nil }

// ReadBytes is the other half of koanf's interface, for sources that need a parser.
func (l layer) ReadBytes() ([]byte, error) { return nil, errors.New("this source is read as a map") }

func (c *cli) upConfig(flags *pflag.FlagSet, file string) (upConfig, error) {
	k := koanf.New("/") // no key has a slash: keys are flat
	fromFile, err := readConfig(file)
	if err != nil {
		return upConfig{}, err
	}
	fromEnv, fromFlags := layer{}, layer{}
	for _, name := range configKeys() {
		if v := c.env("JIELI_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))); v != "" {
			fromEnv[name] = v
		}
		if f := flags.Lookup(name); f.Changed {
			fromFlags[name] = f.Value.String()
		}
	}
	config := upDefaults()
	for _, l := range []layer{fromFile, fromEnv, fromFlags} {
		if err := k.Load(l, nil); err != nil {
			return upConfig{}, err
		}
	}
	if err := k.Unmarshal("", &config); err != nil {
		return upConfig{}, usage("配置不对："+err.Error(), "wrong configuration: "+err.Error())
	}
	return config, config.validate()
}

func configKeys() []string {
	return []string{"dir", "http", "nats", "store", "partitions", "environment", "log-level", "log-format"}
}

func readConfig(file string) (layer, error) {
	named := file != ""
	if !named {
		file = "jieli.yaml"
	}
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return layer{}, nil
	}
	if err != nil {
		return nil, fileTrouble(err)
	}
	l := layer{}
	if err := yaml.Unmarshal(raw, &l); err != nil {
		return nil, usage(file+" 不是合法的 YAML："+err.Error(), file+" is no valid YAML: "+err.Error())
	}
	for key := range l {
		if !slices.Contains(configKeys(), key) {
			return nil, usage(fmt.Sprintf("%s：未知的配置项 %q，可用：%s", file, key, strings.Join(configKeys(), "、")), fmt.Sprintf("%s: unknown key %q; there are %s", file, key, strings.Join(configKeys(), ", ")))
		}
	}
	return l, nil
}

func (c *cli) up(ctx context.Context, config upConfig) error {
	begun := time.Now()
	s, err := c.start(ctx, config, c.err)
	if err != nil {
		return failed("启动失败："+err.Error(), "it does not start: "+err.Error())
	}
	fmt.Fprintf(c.out, c.t("接力已就绪（%s）\n", "Jieli is ready (%s)\n"), time.Since(begun).Round(time.Millisecond))
	fmt.Fprintf(c.out, "  HTTP  %s\n  NATS  %s\n", orOff(s.HTTP()), orOff(s.NATS()))
	fmt.Fprintf(c.out, c.t("  数据  %s\n  凭证  %s（各部门的令牌和 NATS 账号）\n", "  data  %s\n  credentials  %s (tokens and NATS accounts of the departments)\n"),
		s.Dir(), filepath.Join(s.Dir(), "credentials"))
	fmt.Fprintln(c.out, c.t("按 Ctrl-C 停止", "Ctrl-C stops it"))
	<-ctx.Done()
	fmt.Fprintln(c.err, c.t("正在停止：先答复已受理的命令……", "stopping: commands that were taken are answered first …"))
	return c.stop(s)
}

func orOff(address string) string {
	if address == "" {
		return "-"
	}
	return address
}

func (c *cli) stop(s system) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainMax)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		return failed("停止时出错："+err.Error(), "trouble while stopping: "+err.Error())
	}
	return nil
}
