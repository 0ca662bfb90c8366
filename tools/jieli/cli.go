package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/jieli-bus/jieli/tools/client"
)

const (
	chinese = "zh"
	english = "en"

	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"

	serverDefault = "http://127.0.0.1:8080"
)

// cli is the program as a value: tests give it other streams, another environment and another system to start.
type cli struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	start    starter

	lang      string
	output    string
	server    string
	tokenFile string
}

func newCLI() *cli {
	return &cli{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, start: startAllInOne}
}

// run parses and runs one command line. The result is the exit code: 0 done, 1 refused or failed, 2 wrong usage.
func (c *cli) run(ctx context.Context, args []string) int {
	c.lang = c.guessLang(args)
	root := c.root()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		return c.report(err)
	}
	return 0
}

// guessLang looks for the language before the command line is parsed, because the help is written in it.
func (c *cli) guessLang(args []string) string {
	lang := c.env("JIELI_LANG")
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--lang="); ok {
			lang = v
		} else if a == "--lang" && i+1 < len(args) {
			lang = args[i+1]
		}
	}
	if strings.HasPrefix(lang, english) {
		return english
	}
	return chinese
}

// t chooses a sentence.
func (c *cli) t(zh, en string) string {
	if c.lang == english {
		return en
	}
	return zh
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use: "jieli",
		Short: c.t("接力：科技金融撮合与共享总线",
			"Jieli: the bus that matches technology enterprises with finance"),
		SilenceUsage: true, SilenceErrors: true,
		Args:              c.args(0, 0),
		PersistentPreRunE: func(*cobra.Command, []string) error { return c.checkGlobals() },
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(c.in)
	root.SetOut(c.out) // before the completion command is made: it keeps the writer of that moment
	root.SetErr(c.err)
	flags := root.PersistentFlags()
	flags.StringVar(&c.server, "server", cmp.Or(c.env("JIELI_SERVER"), serverDefault), c.t("服务地址（环境变量 JIELI_SERVER）", "address of the server (JIELI_SERVER)"))
	flags.StringVarP(&c.output, "output", "o", formatTable, c.t("输出格式：table、json 或 yaml", "output: table, json or yaml"))
	flags.StringVar(&c.lang, "lang", c.lang, c.t("语言：zh 或 en（环境变量 JIELI_LANG）", "language: zh or en (JIELI_LANG)"))
	flags.StringVar(&c.tokenFile, "token-file", c.env("JIELI_TOKEN_FILE"), c.t("令牌文件；本机监听的运营方命令不需要（环境变量 JIELI_TOKEN_FILE）",
		"file with the bearer token; not needed by the operator on a loopback listener (JIELI_TOKEN_FILE)"))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(fmt.Sprintf("参数不对：%v。用法见 %s --help", err, cmd.CommandPath()), fmt.Sprintf("%v. See %s --help", err, cmd.CommandPath()))
	})
	root.AddCommand( // one a line: branches that add commands then merge by themselves
		c.upCommand(),
		c.serveCommand(),
		c.brokerCommand(),
		c.readyCommand(),
		c.demoCommand(),
		c.importCommand(),
		c.sampleCommand(),
		c.codesCommand(),
		c.publishCommand(),
		c.subCommand(),
		c.matchCommand(), c.nearMissesCommand(), c.leadsCommand(),
		c.policyCommand(),
		c.explainCommand(),
		c.stackCommand(),
		c.clearCommand(),
		c.evalCommand(),
		c.partyCommand(),
		c.verifyCommand(),
		c.backupCommand(),
		c.restoreCommand(),
		c.rebuildCommand(),
		c.deadletterCommand(),
		c.doctorCommand(),
		c.configCommand(),
		c.versionCommand(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Short = c.t("查看命令的帮助", "Help about any command")
		case "completion":
			cmd.Short = c.t("生成命令行补全脚本", "Generate the completion script of a shell")
		}
	}
	root.SetUsageTemplate(c.usageTemplate())
	c.translateHelp(root)
	return root
}

// translateHelp words the --help flag of every command in the chosen language.
func (c *cli) translateHelp(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	cmd.Flags().Lookup("help").Usage = c.t("显示帮助", "show this help")
	for _, inner := range cmd.Commands() {
		c.translateHelp(inner)
	}
}

// usageTemplate is cobra's own in the chosen language.
func (c *cli) usageTemplate() string {
	return c.t("用法：", "Usage:") + `{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}{{if .HasExample}}

` + c.t("例：", "Examples:") + `
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

` + c.t("命令：", "Commands:") + `{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

` + c.t("参数：", "Flags:") + `
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

` + c.t("公共参数：", "Global flags:") + `
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`
}

func (c *cli) checkGlobals() error {
	if c.lang != chinese && c.lang != english {
		bad := c.lang
		c.lang = chinese
		return usage(fmt.Sprintf("--lang 只能是 zh 或 en，不能是 %q", bad), fmt.Sprintf("--lang is zh or en, not %q", bad))
	}
	if !slices.Contains([]string{formatTable, formatJSON, formatYAML}, c.output) {
		return usage(fmt.Sprintf("-o 只能是 table、json 或 yaml，不能是 %q", c.output), fmt.Sprintf("-o is table, json or yaml, not %q", c.output))
	}
	return nil
}

// args wants from least to most arguments; most < 0 means any number.
func (c *cli) args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		if cmd.Parent() == nil || cmd.HasSubCommands() && least == 0 && len(args) > 0 {
			return usage(fmt.Sprintf("没有命令 %q。可用命令见 %s --help", args[0], cmd.CommandPath()), fmt.Sprintf("there is no command %q. See %s --help", args[0], cmd.CommandPath()))
		}
		return usage(fmt.Sprintf("参数个数不对。用法：%s", cmd.UseLine()), fmt.Sprintf("wrong number of arguments. Usage: %s", cmd.UseLine()))
	}
}

// connect makes a client of the chosen server with the operator's or the given token.
func (c *cli) connect(connections int) (*client.Client, error) {
	token := c.env("JIELI_TOKEN")
	if c.tokenFile != "" {
		b, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return nil, failed("读不到令牌文件："+err.Error(), "the token file cannot be read: "+err.Error())
		}
		token = strings.TrimSpace(string(b))
	}
	cl, err := client.New(c.server, token, connections)
	if err != nil {
		return nil, usage(fmt.Sprintf("--server %q 不是形如 http://127.0.0.1:8080 的地址", c.server), "--server "+err.Error())
	}
	return cl, nil
}

// terminal reports whether a stream is one that a person watches.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// paint colours text for a terminal that wants colours.
func (c *cli) paint(code, text string) string {
	if !terminal(c.out) || c.env("NO_COLOR") != "" || c.env("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Colours of paint.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	cyan  = "36"
)

// interrupted reports a command that a signal ended.
func interrupted(err error) bool { return errors.Is(err, context.Canceled) }
