package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/tools/client"
)

// letter is a dead letter as the server tells of it.
type letter struct {
	Number   uint64              `json:"number"`
	Died     time.Time           `json:"died"`
	Reason   string              `json:"reason"`
	Error    string              `json:"error"`
	Stream   string              `json:"stream"`
	Sequence uint64              `json:"sequence"`
	Subject  string              `json:"subject"`
	Durable  string              `json:"durable"`
	Attempts int                 `json:"attempts"`
	Stored   string              `json:"stored"`
	Header   map[string][]string `json:"header,omitempty"`
	Body     []byte              `json:"body,omitempty"`
}

func (c *cli) deadletterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deadletter",
		Short: c.t("查看和重新投递死信（处理失败而移出的消息）", "Look at dead letters (messages that could not be handled) and redrive them"),
		Args:  c.args(0, 0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.deadletterListCommand(), c.deadletterShowCommand(), c.deadletterRedriveCommand())
	return cmd
}

// letters reads all dead letters, page by page.
func letters(ctx context.Context, cl *client.Client) ([]letter, error) {
	all := []letter{}
	for after := uint64(0); ; {
		var page struct {
			Items []letter `json:"items"`
			Next  uint64   `json:"next"`
		}
		if err := cl.Get(ctx, fmt.Sprintf("/v1/deadletters?limit=500&after=%d", after), "", &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if after = page.Next; after == 0 {
			return all, nil
		}
	}
}

func (c *cli) deadletterListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: c.t("列出死信及其原因", "List dead letters with their reasons"),
		Args:  c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := c.connect(1)
			if err != nil {
				return err
			}
			defer cl.Close()
			list, err := letters(cmd.Context(), cl)
			if err != nil {
				return err
			}
			return c.emit(list, func() {
				if len(list) == 0 {
					fmt.Fprintln(c.out, c.t("没有死信", "no dead letters"))
				}
				for _, l := range list {
					fmt.Fprintln(c.out, pad(strconv.FormatUint(l.Number, 10), 6), l.Died.Format(time.RFC3339), pad(l.Reason, 18), l.Stream+":"+strconv.FormatUint(l.Sequence, 10), clean(l.Error))
				}
			})
		},
	}
}

func (c *cli) deadletterShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NUMBER",
		Short: c.t("查看一封死信的报文头和内容", "Show the headers and the body of one dead letter"),
		Args:  c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := c.letterNumber(args[0])
			if err != nil {
				return err
			}
			cl, err := c.connect(1)
			if err != nil {
				return err
			}
			defer cl.Close()
			var l letter
			if err := cl.Get(cmd.Context(), fmt.Sprintf("/v1/deadletters/%d", number), "", &l); err != nil {
				return err
			}
			return c.emit(l, func() {
				var names []string
				for name := range l.Header {
					names = append(names, name)
				}
				slices.Sort(names)
				for _, name := range names {
					for _, value := range l.Header[name] {
						fmt.Fprintln(c.out, c.paint(faint, name+":"), clean(value))
					}
				}
				fmt.Fprintln(c.out)
				if json.Valid(l.Body) {
					fmt.Fprintln(c.out, string(l.Body))
				} else {
					fmt.Fprintf(c.out, "%q\n", l.Body)
				}
			})
		},
	}
}

func (c *cli) deadletterRedriveCommand() *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:     "redrive NUMBER...",
		Short:   c.t("把死信交还给放弃它的读者", "Give dead letters back to the reader that gave them up"),
		Example: "  jieli deadletter redrive 12 13\n  jieli deadletter redrive --all",
		Args:    c.args(0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usage("请写明死信编号，或用 --all", "name the dead letters, or use --all")
			}
			var numbers []uint64
			for _, a := range args {
				n, err := c.letterNumber(a)
				if err != nil {
					return err
				}
				numbers = append(numbers, n)
			}
			cl, err := c.connect(1)
			if err != nil {
				return err
			}
			defer cl.Close()
			if all {
				list, err := letters(cmd.Context(), cl)
				if err != nil {
					return err
				}
				for _, l := range list {
					numbers = append(numbers, l.Number)
				}
			}
			bad := false
			for _, n := range numbers {
				if err := cl.Call(cmd.Context(), "POST", fmt.Sprintf("/v1/deadletters/%d/redrive", n), nil, nil); err != nil {
					bad = true
					fmt.Fprintf(c.err, "%d: ", n)
					c.report(err)
					continue
				}
				fmt.Fprintf(c.out, c.t("%d 已交还\n", "%d given back\n"), n)
			}
			if bad {
				return said()
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, c.t("全部死信", "all dead letters"))
	return cmd
}

func (c *cli) letterNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usage(fmt.Sprintf("%q 不是死信编号", text), fmt.Sprintf("%q is not the number of a dead letter", text))
	}
	return n, nil
}
