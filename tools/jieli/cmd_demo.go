package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/client"
	"github.com/jieli-bus/jieli/tools/intake"
	"github.com/jieli-bus/jieli/tools/sample"
)

// demoSeed gives a first demand that many offers fit: the first impression should be of matching.
const demoSeed = 6

// demoDepartment is whose view the demo watches: the People's Bank sees recommendations with amounts.
const demoDepartment = "pboc"

const (
	demoOffersShown = 3
	demoSilenceMax  = 30 * time.Second // without a recommendation something is wrong
)

type demoFlags struct {
	exitAfter int
	dir       string
	rows      int
	seed      uint64
	interval  time.Duration
}

func (c *cli) demoCommand() *cobra.Command {
	f := demoFlags{rows: 200, seed: demoSeed, interval: 400 * time.Millisecond}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: c.t("启动一个带示例数据的系统，并在终端显示实时推荐", "Start a system with sample data and show live recommendations"),
		Args:  c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.rows < 10 || f.rows > 100_000 || f.exitAfter < 0 || f.interval < 0 {
				return usage("--rows 须在 10 至 100000 之间，--exit-after 和 --interval 不能为负", "--rows is within 10 and 100,000, --exit-after and --interval are not negative")
			}
			return c.demo(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.exitAfter, "exit-after", 0, c.t("显示若干条推荐后结束，0 为不限", "end after so many recommendations, 0 for never"))
	flags.StringVar(&f.dir, "dir", "", c.t("数据目录（缺省为临时目录，结束时删除）", "data directory (default a temporary one, removed at the end)"))
	flags.IntVar(&f.rows, "rows", f.rows, c.t("示例企业数；产品为其 1.5 倍，机构为其五分之一", "sample enterprises; offers are 1.5 times, institutions a fifth of it"))
	flags.Uint64Var(&f.seed, "seed", f.seed, c.t("随机种子", "seed"))
	flags.DurationVar(&f.interval, "interval", f.interval, c.t("两个需求之间的间隔", "time between two demands"))
	return cmd
}

func (c *cli) demo(ctx context.Context, f demoFlags) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fmt.Fprintln(c.out, c.paint(bold, c.t("接力演示：全部数据均为示例数据，与任何真实企业和机构无关", "Jieli demo: everything here is sample data and concerns no real enterprise or institution")))
	dir := f.dir
	if dir == "" {
		made, err := os.MkdirTemp("", "jieli-demo-")
		if err != nil {
			return failed("建不了临时目录："+err.Error(), "cannot make a temporary directory: "+err.Error())
		}
		defer os.RemoveAll(made)
		dir = made
	}
	config := upDefaults()
	config.Dir, config.LogLevel = dir, "error"
	config.HTTP, config.NATS = freeAddress(config.HTTP), freeAddress(config.NATS)
	begun := time.Now()
	s, err := c.start(ctx, config, c.err)
	if err != nil {
		return failed("启动失败："+err.Error(), "it does not start: "+err.Error())
	}
	started := time.Since(begun)
	c.server = s.HTTP()
	err = c.playDemo(ctx, s, f, started)
	cancel()
	return errors.Join(err, c.stop(s))
}

// freeAddress is the usual address, or any free port when another program has that.
func freeAddress(usual string) string {
	l, err := net.Listen("tcp", usual)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return usual
}

func (c *cli) playDemo(ctx context.Context, s system, f demoFlags, started time.Duration) error {
	cl, err := client.New(s.HTTP(), "", 64)
	if err != nil {
		return err
	}
	defer cl.Close()
	loading := time.Now()
	parties := max(f.rows/5, 1)
	summary, err := intake.Run(ctx, cl, marketOf(f.seed, f.rows, parties, f.rows*3/2), intake.Config{})
	if err != nil {
		return err
	}
	if summary.Refused+summary.Failed > 0 {
		return failed(fmt.Sprintf("示例数据有 %d 行被拒绝", summary.Refused+summary.Failed), fmt.Sprintf("%d rows of the sample were refused", summary.Refused+summary.Failed))
	}
	fmt.Fprintf(c.out, c.t("已启动（%s），已装入示例：企业 %d 家、机构 %d 家、产品 %d 个（%d 条命令，%s）\n",
		"started in %s; loaded the sample: %d enterprises, %d institutions, %d offers (%d commands in %s)\n"),
		started.Round(time.Millisecond), f.rows, parties, f.rows*3/2, summary.Done(), time.Since(loading).Round(time.Millisecond))
	fmt.Fprintf(c.out, "  HTTP  %s\n  NATS  %s\n", orOff(s.HTTP()), orOff(s.NATS()))

	token, err := os.ReadFile(filepath.Join(s.Dir(), "credentials", demoDepartment+".token"))
	if err != nil {
		return failed("读不到部门令牌："+err.Error(), "the department's token cannot be read: "+err.Error())
	}
	department, err := client.New(s.HTTP(), strings.TrimSpace(string(token)), 1)
	if err != nil {
		return err
	}
	defer department.Close()
	c.invite(s, f)

	watching := make(chan struct{}, 1)
	seen := make(chan string, 64)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		ended <- department.Follow(ctx, url.Values{"view": {demoDepartment}, "type": {events.TypeRecommended}}, "",
			func() { signalOnce(watching) }, nil, func(sent client.Sent) error {
				var e struct {
					Subject string `json:"subject"`
				}
				if err := json.Unmarshal(sent.Data, &e); err != nil {
					return err
				}
				select {
				case seen <- e.Subject:
				case <-ctx.Done():
				}
				return nil
			})
	}()
	select {
	case <-watching:
	case err := <-ended:
		return err
	case <-ctx.Done():
		<-ended
		return nil
	}
	err = c.publishAndShow(ctx, cl, f, seen, ended)
	cancel()
	select {
	case <-ended: // already taken when the stream ended first
	case <-time.After(time.Second):
	}
	return err
}

func signalOnce(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// invite prints what to try while the demo runs.
func (c *cli) invite(s system, f demoFlags) {
	program := filepath.Base(os.Args[0])
	first := sample.Demand(f.seed, 0, f.rows).ID
	server := ""
	if s.HTTP() != serverDefault {
		server = " --server " + s.HTTP()
	}
	fmt.Fprintln(c.out, c.t("可以在另一个终端试试：", "try in another terminal:"))
	for _, line := range []string{
		fmt.Sprintf("%s match %s%s", program, first, server),
		fmt.Sprintf("%s sub --type demand.published%s", program, server),
		fmt.Sprintf(`curl -N -H "Authorization: Bearer $(cat %s)" "%s/v1/stream?view=%s"`, filepath.Join(s.Dir(), "credentials", demoDepartment+".token"), s.HTTP(), demoDepartment),
	} {
		fmt.Fprintln(c.out, "  "+c.paint(cyan, line))
	}
	fmt.Fprintln(c.out, c.t("正在逐个发布示例需求。以下是中国人民银行视图中的实时推荐（Ctrl-C 结束）：", "Sample demands are being published one by one. These are live recommendations in the view of the People's Bank (Ctrl-C ends):"))
}

// publishAndShow publishes a demand at each tick and shows each recommendation as it reaches the view.
func (c *cli) publishAndShow(ctx context.Context, cl *client.Client, f demoFlags, seen <-chan string, ended <-chan error) error {
	tick := time.NewTicker(max(f.interval, time.Millisecond))
	defer tick.Stop()
	silence := time.NewTimer(demoSilenceMax)
	defer silence.Stop()
	published := map[string]events.PublishDemand{}
	next, shown := 0, 0
	publish := func() error {
		demand := sample.Demand(f.seed, next, f.rows)
		next++
		body, err := json.Marshal(demand)
		if err != nil {
			return err
		}
		published[demand.ID] = demand
		_, err = cl.Do(ctx, client.Command{Path: "/v1/demands", Body: body, Key: "demo-" + demand.ID})
		if client.MaybeDone(err) {
			return nil // busy: the next tick goes on with the next one
		}
		return err
	}
	if err := publish(); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-silence.C:
			return failed("30 秒内没有推荐，请用 jieli doctor 检查", "no recommendation for 30 s; look with jieli doctor")
		case <-tick.C:
			if len(published) >= 64 {
				continue // bounded: the view is behind
			}
			if err := publish(); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		case id := <-seen:
			demand, ours := published[id]
			if !ours {
				continue // somebody's own, or from before
			}
			delete(published, id)
			matched, err := c.showLive(ctx, cl, demand, f)
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			silence.Reset(demoSilenceMax)
			if !matched {
				continue
			}
			if shown++; f.exitAfter > 0 && shown >= f.exitAfter {
				fmt.Fprintf(c.out, c.t("\n已显示 %d 条推荐，演示结束。\n", "\n%d recommendations shown; the demo ends.\n"), shown)
				return nil
			}
		}
	}
}

// showLive prints one recommendation with its best offers; matched is false when no offer fits.
func (c *cli) showLive(ctx context.Context, cl *client.Client, demand events.PublishDemand, f demoFlags) (matched bool, err error) {
	var r recommendations
	path := fmt.Sprintf("/v1/demands/%s/recommendations?limit=%d&lang=%s", url.PathEscape(demand.ID), demoOffersShown, c.lang)
	if err := cl.Get(ctx, path, "", &r); err != nil {
		return false, err
	}
	c.drawLive(c.out, demand, sample.Enterprise(f.seed, demandOwner(demand, f)), r)
	return len(r.Offers) > 0, nil
}

// demandOwner is the number of the enterprise that a sample demand belongs to: demand n belongs to enterprise n modulo rows.
func demandOwner(demand events.PublishDemand, f demoFlags) int {
	var n int
	if _, err := fmt.Sscanf(demand.ID, "sample-demand-%d", &n); err != nil || n < 1 {
		return 0
	}
	return (n - 1) % f.rows
}

func (c *cli) drawLive(w io.Writer, demand events.PublishDemand, owner events.RegisterEnterprise, r recommendations) {
	title := demand.Title
	if c.lang == english {
		title = c.instrument(demand.Instruments[0]) + " (sample) " + demand.ID
	}
	fmt.Fprintf(w, "\n%s  %s\n", c.paint(faint, time.Now().In(events.Beijing).Format(time.TimeOnly)), c.paint(bold, title))
	stage, _ := codes.Stage(owner.Stage)
	about := []string{owner.Name, codes.RegionName(owner.Region, ""), industryName(owner.Industry), c.t(stage.Zh, stage.En), c.amount(demand.Amount)}
	fmt.Fprintf(w, "          %s\n", strings.Join(about, " · "))
	if len(r.Offers) == 0 {
		fmt.Fprintln(w, "          "+c.paint(faint, c.t("暂无符合条件的产品", "no offer is eligible")))
		return
	}
	names := 0
	for _, o := range r.Offers {
		names = max(names, min(width(partyName(o)), 36))
	}
	for _, o := range r.Offers {
		fmt.Fprintf(w, "       %d  %s  %s  %s\n", o.Rank, pad(clean(partyName(o)), names), c.paint(green, fmt.Sprintf("%3d", o.Score)), clean(c.mainReasons(o.Reasons)))
	}
}

// reasonsShown is the instrument and the terms that gave most; explain has all.
const reasonsShown = 6

// mainReasons shortens a line of reasons, which come most first.
func (c *cli) mainReasons(line string) string {
	separator := c.t("｜", " | ")
	parts := strings.Split(line, separator)
	return strings.Join(parts[:min(len(parts), reasonsShown)], separator)
}

// amount writes money in units of 10,000 or 100 million yuan in Chinese, rounded for reading, and in full in English.
func (c *cli) amount(m events.Money) string {
	if c.lang != chinese || m.Currency != "CNY" {
		return m.String()
	}
	if wan := m.Wan(); wan < 10_000 {
		return fmt.Sprintf("%d 万元", wan)
	}
	return fmt.Sprintf("%.2f 亿元", float64(m.Wan())/10_000)
}
