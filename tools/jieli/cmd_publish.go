package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/client"
	"github.com/jieli-bus/jieli/tools/rows"
)

const publishBytesMax = 64 << 20

func (c *cli) publishCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "publish [KIND] -f FILE|-",
		Short: c.t("提交一个或多个命令（JSON、JSON Lines 或 CloudEvent）", "Send one or more commands (JSON, JSON Lines or CloudEvents)"),
		Long: c.t("KIND 为 enterprise、party、offer 或 demand；内容为该类登记或发布命令的数据。CloudEvent（结构化格式）自己写明类型，不需要 KIND。",
			"KIND is enterprise, party, offer or demand; the content is the payload of its register or publish command. A CloudEvent (structured) names its type and needs no KIND."),
		Example: "  jieli publish demand -f demand.json\n  jieli publish -f command.cloudevent.json",
		Args:    c.args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var kind rows.Kind
			if len(args) == 1 {
				var ok bool
				if kind, ok = rows.ParseKind(args[0]); !ok {
					return usage(fmt.Sprintf("没有类别 %q，可用：enterprise、party、offer、demand", args[0]), fmt.Sprintf("there is no kind %q; there are enterprise, party, offer, demand", args[0]))
				}
			}
			if file == "" {
				return usage("须用 -f 指定文件，- 为标准输入", "name a file with -f, - for standard input")
			}
			return c.publish(cmd.Context(), kind, file)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", c.t("文件，- 为标准输入", "file, - for standard input"))
	return cmd
}

func (c *cli) publish(ctx context.Context, kind rows.Kind, file string) error {
	in := c.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fileTrouble(err)
		}
		defer f.Close()
		in = f
	}
	cl, err := c.connect(1)
	if err != nil {
		return err
	}
	defer cl.Close()
	refused := 0
	// A decoder of values reads one object, objects one a line and objects over several lines alike.
	dec := json.NewDecoder(bufio.NewReader(io.LimitReader(in, publishBytesMax)))
	for n := 1; ; n++ {
		var object json.RawMessage
		if err := dec.Decode(&object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return failed(fmt.Sprintf("第 %d 个对象不是合法的 JSON：%v", n, err), fmt.Sprintf("object %d is not valid JSON: %v", n, err))
		}
		command, err := commandOf(kind, object)
		if err != nil {
			return err
		}
		answer, err := cl.Do(ctx, command)
		var p *events.Problem
		if errors.As(err, &p) {
			refused++
			c.reportProblem(p)
			continue
		}
		if err != nil {
			return err
		}
		if err := c.showAnswer(answer); err != nil {
			return err
		}
	}
	if refused > 0 {
		return said()
	}
	return nil
}

// commandOf says where an object goes: a payload to its collection, a CloudEvent by its type and subject.
func commandOf(kind rows.Kind, object []byte) (client.Command, error) {
	if len(object) == 0 || object[0] != '{' {
		return client.Command{}, failed("内容须为 JSON 对象", "the content must be a JSON object")
	}
	var e struct {
		SpecVersion string          `json:"specversion"`
		Type        string          `json:"type"`
		ID          string          `json:"id"`
		Subject     string          `json:"subject"`
		Expected    json.RawMessage `json:"expectedversion"`
		Data        json.RawMessage `json:"data"`
	}
	if json.Unmarshal(object, &e) != nil || e.SpecVersion == "" {
		if kind == "" {
			return client.Command{}, usage("内容不是 CloudEvent，须写明 KIND：enterprise、party、offer 或 demand", "the content is no CloudEvent: name its KIND, enterprise, party, offer or demand")
		}
		if kind == rows.Profile || kind == rows.Title {
			return client.Command{}, usage(string(kind)+" 须以 CloudEvent 提交，或用 jieli import", string(kind)+" is sent as a CloudEvent, or with jieli import")
		}
		row := rows.Row{Kind: kind}
		return client.Command{Path: row.Path(), Body: object}, nil
	}
	entry, ok := events.Lookup(e.Type)
	if !ok || entry.Kind != events.Command || entry.Internal {
		return client.Command{}, events.ErrUnknownType.Refusef("/type", "%q 不是可以提交的命令", "%q is no command that can be sent", e.Type)
	}
	command := client.Command{Body: bytes.TrimSpace(e.Data), Key: e.ID, Match: strings.Trim(string(e.Expected), `"`)}
	if len(command.Body) == 0 {
		command.Body = []byte("{}")
	}
	context, what := events.SplitType(e.Type)
	collection, ok := collections[context]
	switch {
	case !ok:
		return client.Command{}, events.ErrUnknownType.Refusef("/type", "%q 不能经 HTTP 提交", "%q is not taken over HTTP", e.Type)
	case what == "register" || what == "publish" || what == "apply":
		command.Path = "/v1/" + collection
	case !events.ValidID(e.Subject):
		return client.Command{}, events.ErrID.Refuse("/subject", "须以 subject 指明对象", "the subject must name the entity")
	default:
		command.Path = "/v1/" + collection + "/" + e.Subject + "/" + what
	}
	return command, nil
}

// collections of the contexts whose commands go over HTTP.
var collections = map[string]string{"enterprise": "enterprises", "party": "parties", "demand": "demands", "offer": "offers", "bond": "bonds"}

func (c *cli) showAnswer(a *events.Answer) error {
	return c.emit(a, func() {
		what := c.t("已接受", "accepted")
		switch {
		case a.Repeated:
			what = c.t("此前已接受", "accepted before")
		case len(a.Events) == 0:
			what = c.t("无变化", "unchanged")
		}
		fmt.Fprintf(c.out, "%s  %s  %s %d  %s\n", c.paint(green, what), a.Subject, c.t("版本", "version"), a.Version, a.Position)
	})
}
