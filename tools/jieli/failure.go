package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/client"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// failure is an error in words for people.
type failure struct {
	code   int
	zh, en string
	quiet  bool // everything has been said already
}

func (f *failure) Error() string { return f.en }

func usage(zh, en string) error  { return &failure{code: exitUsage, zh: zh, en: en} }
func failed(zh, en string) error { return &failure{code: exitFailed, zh: zh, en: en} }

// said ends a command with code 1 whose output told why.
func said() error { return &failure{code: exitFailed, quiet: true} }

// report says what went wrong, where and what to do, and returns the exit code.
func (c *cli) report(err error) int {
	var f *failure
	var p *events.Problem
	var foreign *client.ForeignError
	var broken *url.Error
	switch {
	case errors.As(err, &f):
		if !f.quiet {
			c.complain(f.zh, f.en)
		}
		return f.code
	case errors.As(err, &p):
		c.reportProblem(p)
	case errors.As(err, &foreign):
		c.complain(
			fmt.Sprintf("%s 的回答不是接力系统的回答（状态 %d）。请用 --server 指定正确的地址", c.server, foreign.Status),
			fmt.Sprintf("what answers at %s is not Jieli (status %d). Name the right address with --server", c.server, foreign.Status))
	case errors.As(err, &broken), isNetwork(err):
		c.complain(
			fmt.Sprintf("连不上 %s（%v）。先运行 jieli up，或用 --server 指定地址；jieli doctor 可以检查原因", c.server, rootCause(err)),
			fmt.Sprintf("cannot reach %s (%v). Run jieli up first, or name the address with --server; jieli doctor looks for the cause", c.server, rootCause(err)))
	case interrupted(err):
		c.complain("已中断", "interrupted")
	default:
		c.complain(err.Error(), err.Error())
	}
	return exitFailed
}

func isNetwork(err error) bool {
	var n net.Error
	return errors.As(err, &n)
}

func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// complain writes a sentence in the chosen language, with the other in parentheses where it is short.
func (c *cli) complain(zh, en string) {
	first, second := zh, en
	if c.lang == english {
		first, second = en, zh
	}
	fmt.Fprint(c.err, c.paint(red, c.t("错误：", "error: ")), first)
	if first != second && utf8.RuneCountInString(second) <= 60 && !strings.Contains(second, "\n") {
		fmt.Fprint(c.err, c.t("（", " ("), second, c.t("）", ")"))
	}
	fmt.Fprintln(c.err)
}

// reportProblem writes a refusal: what, where, what to do.
func (c *cli) reportProblem(p *events.Problem) {
	zh, en := problemSentences(p)
	c.complain(zh, en)
	if p.Field != "" {
		fmt.Fprintln(c.err, c.t("  字段：", "  field: ")+p.Field)
	}
	if hint, ok := hints[strings.TrimPrefix(p.Type, events.ProblemPrefix)]; ok {
		fmt.Fprintln(c.err, c.t("  怎么办：", "  what to do: ")+c.t(hint[0], hint[1]))
	}
	fmt.Fprintln(c.err, c.t("  类型：", "  type: ")+p.Type)
}

func problemSentences(p *events.Problem) (zh, en string) {
	zh, en = p.Title, p.TitleEN
	if p.Detail != "" {
		zh += "：" + p.Detail
	}
	if p.DetailEN != "" {
		en += ": " + p.DetailEN
	}
	return zh, en
}

// hints say what to do about a refusal, by the code of its type.
var hints = map[string][2]string{
	"unauthorised":      {"用 --token-file 指定数据目录 credentials 下的令牌文件", "name a token file of the data directory's credentials folder with --token-file"},
	"forbidden":         {"换用有权限的身份，或请运营方操作", "use an identity that may do this, or ask the operator"},
	"not-found":         {"核对编号；先登记企业和机构，再发布需求和产品", "check the id; enterprises and institutions come before demands and offers"},
	"version":           {"重新读取后，以新版本号再提交", "read it again and send the new version"},
	"overloaded":        {"稍后以同一幂等键重试", "try again later under the same key"},
	"unknown":           {"以同一幂等键重试，不会重复执行", "repeat under the same key: it is done at most once"},
	"stale-read":        {"稍后重试", "try again in a moment"},
	"unavailable":       {"运行 jieli doctor 检查", "run jieli doctor"},
	"reused-command-id": {"内容变了就要换一个幂等键", "another content needs another key"},
	"schema":            {"按契约 contracts/schemas 改正该字段", "correct the field after its schema in contracts/schemas"},
	"uscc":              {"核对 18 位代码；确有批文的用 override 写明", "check the 18 characters; a code with a document goes with an override"},
	"region":            {"用 jieli codes list regions 查代码", "look the code up with jieli codes list regions"},
	"industry":          {"用 jieli codes list industries 查代码", "look the code up with jieli codes list industries"},
	"code":              {"用 jieli codes list 查代码表", "look the code up with jieli codes list"},
	"licence":           {"先为机构登记覆盖该品种的牌照", "record a licence that covers the instrument first"},
	"validity":          {"把有效期改到将来", "set the validity to a future instant"},
}
