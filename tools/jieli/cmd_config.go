package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jieli-bus/jieli/services/allinone"
)

// load finds the configuration of a program, with every wrong value in one complaint.
func (c *cli) load(p allinone.Program, flags *pflag.FlagSet, services ...string) (allinone.Config, []allinone.Value, error) {
	config, values, err := allinone.Load(p, flags, c.env, services...)
	var wrong *allinone.WrongConfig
	switch {
	case errors.As(err, &wrong):
		list := strings.Join(wrong.Complaints, "\n  ")
		return config, values, usage("配置不对：\n  "+list, "wrong configuration:\n  "+list)
	case err != nil:
		return config, nil, fileTrouble(err)
	}
	return config, values, nil
}

func (c *cli) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config [SERVICE...]",
		Short: c.t("显示生效的配置及每项的来源", "Show the configuration that takes effect, and where each value comes from"),
		Long: c.t("与 jieli up（写明服务时与 jieli serve）读取同样的参数、环境变量和文件，逐项显示取值和来源：参数 > 环境变量 JIELI_* > 文件 > 缺省值。密码不显示。",
			"Reads what jieli up (with services: jieli serve) would: flags go over JIELI_* environment variables, those over the file, that over defaults. Passwords are not shown."),
		Example: "  jieli config\n  JIELI_HTTP=127.0.0.1:9000 jieli config -o json\n  jieli config demand --dir demand-1",
		Args:    c.args(0, -1),
		RunE: func(cmd *cobra.Command, services []string) error {
			p := allinone.Up
			if len(services) > 0 {
				p = allinone.Serve
			}
			_, values, err := c.load(p, cmd.Flags(), services...)
			if values == nil {
				return err
			}
			if shown := c.emit(values, func() {
				width := 0
				for _, v := range values {
					width = max(width, len(v.Value))
				}
				for _, v := range values {
					source := v.Source
					if source == allinone.SourceDefault {
						source = c.t("缺省", source)
					}
					fmt.Fprintln(c.out, pad(v.Name, 12), pad(v.Value, width), c.paint(faint, source))
				}
			}); shown != nil {
				return shown
			}
			return err
		},
	}
	allinone.AddFlags(cmd.Flags(), allinone.Up|allinone.Serve, c.t)
	return cmd
}
