package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/tools/client"
)

const (
	diskFreeMin  = 1 << 30
	clockSkewMax = 3 * time.Second // the Date header has whole seconds
	doctorWait   = 3 * time.Second
)

// finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

func (c *cli) doctorCommand() *cobra.Command {
	dir := ""
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: c.t("检查本机和服务，逐项给出结论和办法", "Check this machine and the server, and say what to do"),
		Args:  c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings, err := c.examine(cmd.Context(), dir)
			if err != nil {
				return err
			}
			bad := false
			if err := c.emit(findings, func() {
				for _, f := range findings {
					mark := c.paint(green, "✓")
					if !f.OK {
						mark = c.paint(red, "✗")
					}
					fmt.Fprintln(c.out, mark, pad(f.Check, 14), clean(f.Found))
					if !f.OK {
						fmt.Fprintln(c.out, "   ", c.t("→ ", "→ ")+f.Advice)
					}
				}
			}); err != nil {
				return err
			}
			for _, f := range findings {
				bad = bad || !f.OK
			}
			if bad {
				return said()
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "jieli-data", c.t("数据目录", "data directory"))
	return cmd
}

func (c *cli) examine(ctx context.Context, dir string) ([]finding, error) {
	cl, err := c.connect(1)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, doctorWait)
	defer cancel()
	var out []finding
	asked := time.Now()
	status, header, _, err := cl.Head(ctx, "/healthz")
	round := time.Since(asked)
	reached := err == nil && status == http.StatusOK
	switch {
	case err != nil:
		out = append(out, finding{c.t("服务", "server"), false, fmt.Sprintf(c.t("%s 不可达：%v", "%s cannot be reached: %v"), cl.Server(), rootCause(err)),
			c.t("运行 jieli up，或用 --server 指定地址", "run jieli up, or name the address with --server")})
		out = append(out, c.examinePorts(cl.Server())...)
	case !reached:
		out = append(out, finding{c.t("服务", "server"), false, fmt.Sprintf(c.t("%s 回答状态 %d", "%s answers with status %d"), cl.Server(), status),
			c.t("该端口上可能是别的程序；用 --server 指定地址", "another program may be on that port; name the address with --server")})
	default:
		out = append(out, finding{Check: c.t("服务", "server"), OK: true, Found: fmt.Sprintf(c.t("%s 可达，%s", "%s answers within %s"), cl.Server(), round.Round(100*time.Microsecond))})
		out = append(out, c.examineReady(ctx, cl)...)
		out = append(out, c.examineClock(header, asked, round), c.examineVersion(ctx, cl))
		out = append(out, c.examineMetrics(ctx, cl)...)
	}
	return append(out, c.examineDisk(dir), c.examineSync(dir), c.examineFiles(), c.examineDir(dir, reached), c.examineSecrets(dir)), nil
}

func (c *cli) examineClock(header http.Header, asked time.Time, round time.Duration) finding {
	f := finding{Check: c.t("时钟", "clock"), OK: true}
	theirs, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		f.Found = c.t("服务未给出时间", "the server gives no time")
		return f
	}
	skew := theirs.Sub(asked.Add(round / 2)).Round(time.Second)
	f.Found = fmt.Sprintf(c.t("与服务相差 %s", "%s apart from the server"), skew)
	if skew.Abs() > clockSkewMax {
		f.OK = false
		f.Advice = c.t("用 NTP 校准两边的时钟：命令编号带有时间", "set both clocks by NTP: command ids carry the time")
	}
	return f
}

func (c *cli) examineVersion(ctx context.Context, cl *client.Client) finding {
	f := finding{Check: c.t("版本", "version")}
	var theirs struct {
		Version string `json:"version"`
	}
	if err := cl.Get(ctx, "/v1/version", "", &theirs); err != nil {
		f.Found = err.Error()
		f.Advice = c.t("用 --token-file 指定令牌，或检查 --server", "name a token with --token-file, or check --server")
		return f
	}
	mine := thisBuild().Version
	f.OK = mine == theirs.Version
	f.Found = fmt.Sprintf(c.t("本机 %s，服务 %s", "here %s, server %s"), mine, theirs.Version)
	f.Advice = c.t("两边用同一版本", "use the same version on both sides")
	return f
}

// examinePorts says whether the ports that `up` would take are free; only asked when nothing answers there.
func (c *cli) examinePorts(server string) []finding {
	var out []finding
	host := "127.0.0.1:8080"
	if u, err := url.Parse(server); err == nil && u.Port() != "" {
		host = u.Host
	}
	for _, address := range []string{host, "127.0.0.1:4222"} {
		f := finding{Check: c.t("端口", "port"), OK: true, Found: fmt.Sprintf(c.t("%s 空闲", "%s is free"), address)}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
		} else {
			f.OK = false
			f.Found = fmt.Sprintf("%s: %v", address, rootCause(err))
			f.Advice = c.t("结束占用它的程序，或用 jieli up --http/--nats 换端口", "end the program that has it, or take another with jieli up --http/--nats")
		}
		out = append(out, f)
	}
	return out
}

func (c *cli) examineDisk(dir string) finding {
	f := finding{Check: c.t("磁盘", "disk")}
	at := dir
	for !exists(at) && filepath.Dir(at) != at {
		at = filepath.Dir(at)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(at, &s); err != nil {
		f.Found = err.Error()
		f.Advice = c.t("检查数据目录是否存在、可读", "check that the data directory is there and can be read")
		return f
	}
	free := s.Bavail * uint64(s.Bsize)
	f.OK = free >= diskFreeMin
	f.Found = fmt.Sprintf(c.t("%s 所在磁盘可用 %.1f GB", "%.1[2]f GB free at %[1]s"), dir, float64(free)/1e9)
	f.Advice = c.t("腾出至少 1 GB，或用 --dir 换一个磁盘", "free at least 1 GB, or take another disk with --dir")
	return f
}

// examineDir looks for the remains of a process that has died: run.json stays behind, and nothing answers.
func (c *cli) examineDir(dir string, reached bool) finding {
	f := finding{Check: c.t("数据目录", "data dir"), OK: true}
	raw, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		f.Found = fmt.Sprintf(c.t("%s：没有进程在用", "%s: not in use"), dir)
		return f
	}
	var run struct {
		PID  int    `json:"pid"`
		HTTP string `json:"http"`
	}
	if json.Unmarshal(raw, &run) != nil || run.PID <= 0 {
		f.OK, f.Found = false, c.t("run.json 无法解析", "run.json cannot be read")
		f.Advice = c.t("删除它再启动", "delete it and start again")
		return f
	}
	alive := syscall.Kill(run.PID, 0) != syscall.ESRCH
	f.Found = fmt.Sprintf(c.t("进程 %d 在用，地址 %s", "process %d uses it, at %s"), run.PID, run.HTTP)
	switch {
	case !alive:
		f.Found = fmt.Sprintf(c.t("上次的进程 %d 没有正常结束", "the last process, %d, did not end properly"), run.PID)
		f.OK = reached
		f.Advice = c.t("直接运行 jieli up：启动时会自行核对", "run jieli up: it checks the log when it starts")
	case !reached:
		f.OK = false
		f.Advice = c.t("用 --server "+run.HTTP+" 连接", "connect with --server "+run.HTTP)
	}
	return f
}
