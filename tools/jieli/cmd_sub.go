package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/client"
)

type subFlags struct {
	view, typ, subject, filter, last string
	count                            int
}

func (c *cli) subCommand() *cobra.Command {
	var f subFlags
	cmd := &cobra.Command{
		Use:   "sub",
		Short: c.t("订阅事件，随到随印；断线自动续传", "Print events as they come; resumes after a break"),
		Example: "  jieli sub --type demand.published\n  jieli sub --view pboc --token-file jieli-data/credentials/pboc.token\n" +
			`  jieli sub --filter "region LIKE '33%' AND amountwan >= 500"`,
		Args: c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.sub(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.view, "view", "operator", c.t("视图：operator 为全部事件，或部门代码（须其令牌）", "view: operator for all events, or a department (with its token)"))
	flags.StringVar(&f.typ, "type", "", c.t("事件类型，可简写为 demand.published", "event type, demand.published for short"))
	flags.StringVar(&f.subject, "subject", "", c.t("对象编号", "id of the entity"))
	flags.StringVar(&f.filter, "filter", "", c.t("CESQL 表达式（CloudEvents SQL）", "CESQL expression (CloudEvents SQL)"))
	flags.StringVar(&f.last, "after", "", c.t("从该事件位置之后开始，0 为从头；缺省只收新事件", "start behind this position, 0 for the beginning; default: new events only"))
	flags.IntVar(&f.count, "count", 0, c.t("收到若干个后结束，0 为不限", "end after so many, 0 for never"))
	return cmd
}

// errEnough ends a subscription that has its number.
var errEnough = errors.New("enough")

func (c *cli) sub(cmd *cobra.Command, f subFlags) error {
	query := url.Values{"view": {f.view}}
	if f.typ != "" {
		query.Set("type", fullType(f.typ))
	}
	if f.subject != "" {
		query.Set("subject", f.subject)
	}
	var accept *filter
	if f.filter != "" {
		var err error
		if accept, err = parseFilter(f.filter); err != nil {
			return err
		}
	}
	cl, err := c.connect(1)
	if err != nil {
		return err
	}
	defer cl.Close()
	seen := 0
	opened := func() {
		fmt.Fprintf(c.err, c.t("已订阅 %s 的 %s 视图，按 Ctrl-C 结束\n", "subscribed to view %[2]s of %[1]s; Ctrl-C ends\n"), cl.Server(), f.view)
	}
	broken := func(err error) {
		fmt.Fprintf(c.err, c.t("连接中断（%v），正在重连……\n", "the connection broke (%v), connecting again …\n"), rootCause(err))
	}
	err = cl.Follow(cmd.Context(), query, f.last, opened, broken, func(s client.Sent) error {
		if accept != nil && !accept.passes(s.Data) {
			return nil
		}
		if err := c.printEvent(s); err != nil {
			return err
		}
		if seen++; f.count > 0 && seen >= f.count {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// fullType writes a short type out.
func fullType(s string) string {
	if strings.HasPrefix(s, "jieli.") {
		return s
	}
	return "jieli." + s + ".v1"
}

// seenEvent is what a line shows of an event.
type seenEvent struct {
	Type       string    `json:"type"`
	Subject    string    `json:"subject"`
	Time       time.Time `json:"time"`
	Region     string    `json:"region"`
	Industry   string    `json:"industry"`
	Instrument string    `json:"instrument"`
	AmountWan  *int64    `json:"amountwan"`
	Currency   string    `json:"currency"`
}

func (c *cli) printEvent(s client.Sent) error {
	switch c.output {
	case formatJSON:
		_, err := fmt.Fprintf(c.out, "%s\n", s.Data)
		return err
	case formatYAML:
		if _, err := fmt.Fprintln(c.out, "---"); err != nil {
			return err
		}
		return writeYAML(c.out, json.RawMessage(s.Data))
	}
	var e seenEvent
	if err := json.Unmarshal(s.Data, &e); err != nil {
		return failed("事件无法解析："+err.Error(), "an event cannot be read: "+err.Error())
	}
	var about []string
	if e.Region != "" {
		about = append(about, codes.RegionName(e.Region, ""))
	}
	if e.Industry != "" {
		about = append(about, industryName(e.Industry))
	}
	if e.Instrument != "" {
		about = append(about, c.instrument(e.Instrument))
	}
	if e.AmountWan != nil {
		about = append(about, fmt.Sprintf(c.t("%d 万 %s", "%d0k %s"), *e.AmountWan, e.Currency))
	}
	_, err := fmt.Fprintln(c.out, c.paint(faint, e.Time.In(events.Beijing).Format(time.TimeOnly)), c.paint(bold, pad(c.typeName(e.Type), 18)),
		pad(clean(e.Subject), 22), clean(strings.Join(about, " · ")))
	return err
}

// industryName is the name of a code or of the nearest level above it that has one.
func industryName(code string) string {
	for at := code; at != ""; at = codes.IndustryParent(at) {
		if name := codes.IndustryName(at); name != "" {
			return name
		}
	}
	return code
}

// typeName is the Chinese name of an event, as its schema has it, or its short type.
func (c *cli) typeName(typ string) string {
	context, what := events.SplitType(typ)
	if context == "" {
		return typ
	}
	if c.lang == chinese {
		if schema, err := contracts.Schema(context, what); err == nil { // else it is of a later version
			var named struct {
				Title string `json:"x-title-zh"`
			}
			if json.Unmarshal(schema, &named) == nil && named.Title != "" {
				return named.Title
			}
		}
	}
	return context + "." + what
}
