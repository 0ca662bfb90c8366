package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/services/allinone"
)

// drainMax is how long a stopping system may finish what it has taken.
const drainMax = 20 * time.Second

// upConfig is the configuration of `up`.
type upConfig = allinone.Config

func upDefaults() upConfig { return allinone.Defaults(allinone.Up) }

func (c *cli) upCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: c.t("在一个进程中启动全部服务", "Start everything in one process"),
		Long: c.t("启动全部服务和内嵌消息代理。配置的优先次序：命令行参数 > 环境变量 JIELI_* > 配置文件 jieli.yaml > 缺省值。",
			"Starts every service and an embedded broker. Flags go over JIELI_* environment variables, those over the file jieli.yaml, that over defaults."),
		Example: "  jieli up\n  jieli up --dir /var/lib/jieli --store redis://127.0.0.1:6379/0",
		Args:    c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, _, err := c.load(allinone.Up, cmd.Flags())
			if err != nil {
				return err
			}
			return c.up(cmd.Context(), config)
		},
	}
	allinone.AddFlags(cmd.Flags(), allinone.Up, c.t)
	return cmd
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
