package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/events"
)

func (c *cli) verifyCommand() *cobra.Command {
	var at directory
	cmd := &cobra.Command{
		Use:   "verify",
		Short: c.t("从日志核对每一条不变式", "Check every invariant from the log"),
		Args:  c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.onDirectory(cmd.Context(), at, func() error {
				return c.longWork(cmd.Context(), "/v1/verify", []byte("{}"), c.t("核对通过", "everything holds"), c.t("核对未通过", "something does not hold"))
			})
		},
	}
	c.directoryFlags(cmd, &at)
	return cmd
}

// directory is a system that is not running.
type directory struct{ dir, store string }

func (c *cli) directoryFlags(cmd *cobra.Command, at *directory) {
	cmd.Flags().StringVar(&at.dir, "dir", "", c.t("系统未运行时的数据目录（缺省使用运行中的服务）", "data directory of a system that is not running (default: the running one)"))
	cmd.Flags().StringVar(&at.store, "store", "memory", c.t("与 --dir 合用：读模型存储", "with --dir: where its read models are"))
}

// onDirectory starts the system of a directory for the time of some work, where nobody else reaches it; without a directory
// the work is done by the system that runs.
func (c *cli) onDirectory(ctx context.Context, at directory, work func() error) error {
	if at.dir == "" {
		return work()
	}
	if _, err := os.Stat(filepath.Join(at.dir, "broker")); err != nil {
		return usage(at.dir+" 不是数据目录", at.dir+" is no data directory")
	}
	config := upDefaults()
	config.Dir, config.Store, config.HTTP, config.NATS, config.LogLevel = at.dir, at.store, "127.0.0.1:0", "off", "warn"
	s, err := c.start(ctx, config, c.err)
	if err != nil {
		return failed("启动失败："+err.Error(), "it does not start: "+err.Error())
	}
	c.server = s.HTTP()
	return errors.Join(work(), c.stop(s))
}

func (c *cli) rebuildCommand() *cobra.Command {
	var what struct {
		Events      bool `json:"events"`
		Views       bool `json:"views"`
		Projections bool `json:"projections"`
	}
	var at directory
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: c.t("从账本重建事件流、视图和投影（缺省全部）", "Rebuild events, views and projections from the ledger (default all)"),
		Args:  c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !what.Events && !what.Views && !what.Projections {
				what.Events, what.Views, what.Projections = true, true, true
			}
			body, err := json.Marshal(what)
			if err != nil {
				return err
			}
			return c.onDirectory(cmd.Context(), at, func() error {
				return c.longWork(cmd.Context(), "/v1/rebuild", body, c.t("重建完成", "rebuilt"), c.t("重建失败", "the rebuild failed"))
			})
		},
	}
	c.directoryFlags(cmd, &at)
	cmd.Flags().BoolVar(&what.Events, "events", false, c.t("事件流", "the event streams"))
	cmd.Flags().BoolVar(&what.Views, "views", false, c.t("各部门视图", "the departments' views"))
	cmd.Flags().BoolVar(&what.Projections, "projections", false, c.t("查询投影", "the projections"))
	return cmd
}

// workLine is a line of the answer of a long request: progress, or at the end the result.
type workLine struct {
	Step   string          `json:"step"`
	Done   int64           `json:"done"`
	Total  int64           `json:"total"`
	OK     *bool           `json:"ok"`
	Report json.RawMessage `json:"report,omitempty"`
	Error  *events.Problem `json:"error,omitempty"`
}

// longWork follows a request that answers with its progress.
func (c *cli) longWork(ctx context.Context, path string, body []byte, good, bad string) error {
	cl, err := c.connect(1)
	if err != nil {
		return err
	}
	defer cl.Close()
	var last workLine
	var bar *progress
	step := ""
	err = cl.Lines(ctx, path, body, func(line []byte) error {
		var l workLine
		if err := json.Unmarshal(line, &l); err != nil {
			return failed("回答无法解析："+err.Error(), "the answer cannot be read: "+err.Error())
		}
		if l.OK != nil {
			last = l
			return nil
		}
		if l.Step != step {
			if bar != nil {
				bar.finish()
			}
			step, bar = l.Step, newProgress(c.err, l.Step, l.Total)
		}
		bar.set(l.Done)
		return nil
	})
	if bar != nil {
		bar.finish()
	}
	if err != nil {
		return err
	}
	if last.OK == nil {
		return failed("连接在结果之前中断，请重试", "the connection ended before the result; try again")
	}
	err = c.emit(struct {
		OK     bool            `json:"ok"`
		Report json.RawMessage `json:"report,omitempty"`
		Error  *events.Problem `json:"error,omitempty"`
	}{*last.OK, last.Report, last.Error}, func() {
		if *last.OK {
			fmt.Fprintln(c.out, c.paint(green, "✓ "+good))
		} else {
			fmt.Fprintln(c.out, c.paint(red, "✗ "+bad))
		}
		c.drawReport(last.Report)
	})
	if last.Error != nil {
		c.reportProblem(last.Error)
	}
	if err == nil && !*last.OK {
		return said()
	}
	return err
}

// drawReport writes a report as lines of name and value, whatever its fields are.
func (c *cli) drawReport(report json.RawMessage) {
	if len(report) == 0 || string(report) == "null" {
		return
	}
	if err := writeYAML(c.out, report); err != nil {
		fmt.Fprintln(c.out, string(report))
	}
}
