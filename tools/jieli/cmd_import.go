package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/intake"
	"github.com/jieli-bus/jieli/tools/preset"
	"github.com/jieli-bus/jieli/tools/rows"
)

// refusalsShown bounds the refusals on the terminal; the file has them all.
const refusalsShown = 20

type importFlags struct {
	preset  string
	refused string
	limit   int
	intake.Config
}

func (c *cli) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import KIND FILE|FOLDER|-",
		Short: c.t("导入企业、机构、产品、需求（JSON Lines 或 CSV）", "Import enterprises, parties, offers, demands (JSON Lines or CSV)"),
		Long: c.t(`KIND 为 enterprises、parties、offers、demands、profiles、titles、rounds、loans 或 all。
文件为 JSON Lines，或表头为字段名的 CSV（UTF-8、带 BOM 的 UTF-8 或 GB18030）。同一文件再次导入不会重复。
被拒绝的行连同原因写入一个文件，改正后可再次导入。`,
			`KIND is enterprises, parties, offers, demands, profiles, titles, rounds, loans or all.
The file is JSON Lines, or CSV with field names as its header (UTF-8, with or without BOM, or GB18030). Importing a file again
doubles nothing. Refused rows go to a file with their reasons, to be corrected and imported again.`),
		Example: "  jieli import enterprises enterprises.csv\n  jieli import enterprises ../shared/data/cn-listed-companies --preset listed-companies\n  jieli import rounds ../shared/data/funding-rounds --preset funding-rounds",
		Args:    c.args(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.importFile(cmd.Context(), args[0], args[1], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.preset, "preset", "", c.t("公开数据集的映射：", "mapping of a public set: ")+strings.Join(preset.Names, ", "))
	flags.BoolVar(&f.DryRun, "dry-run", false, c.t("只读取和检查，不提交", "read and check only, send nothing"))
	flags.StringVar(&f.refused, "refused", "", c.t("被拒绝的行写入的文件（缺省 refused-<文件名>）", "file of the refused rows (default refused-<file>)"))
	flags.IntVar(&f.Concurrency, "concurrency", 64, c.t("同时提交的行数", "rows under way at once"))
	flags.IntVar(&f.limit, "limit", 0, c.t("最多读取的行数，0 为全部", "rows to read at most, 0 for all"))
	flags.DurationVar(&f.Deadline, "deadline", 2*time.Minute, c.t("系统繁忙时每行重试的时限", "how long a row is repeated while the server is busy"))
	return cmd
}

// importSource opens what a command line names. done ends what had to be made for it.
func (c *cli) importSource(kind, path string, f *importFlags) (source rows.Source, done func(), err error) {
	done = func() {}
	one, single := rows.ParseKind(kind)
	if !single && kind != "all" && kind != "rounds" && kind != "loans" {
		return nil, done, usage(fmt.Sprintf("没有类别 %q。可用：enterprises、parties、offers、demands、profiles、titles、rounds、loans、all", kind),
			fmt.Sprintf("there is no kind %q; there are enterprises, parties, offers, demands, profiles, titles, rounds, loans, all", kind))
	}
	if single {
		f.Kinds = []rows.Kind{one}
	}
	if f.preset != "" {
		source, err = preset.Open(f.preset, path, f.limit)
		if errors.Is(err, preset.ErrUnknown) {
			return nil, done, usage(fmt.Sprintf("没有映射 %q，可用：%s", f.preset, strings.Join(preset.Names, "、")), err.Error())
		}
		return source, done, fileTrouble(err)
	}
	if kind == "rounds" || kind == "loans" {
		return nil, done, usage(kind+" 须与 --preset 一起使用", kind+" goes with --preset")
	}
	if path == "-" {
		if path, done, err = c.spool(); err != nil {
			return nil, done, err
		}
	} else if info, err := os.Stat(path); err != nil {
		return nil, done, fileTrouble(err)
	} else if info.IsDir() {
		return nil, done, usage(fmt.Sprintf("%s 是文件夹；导入文件夹须用 --preset", path), fmt.Sprintf("%s is a folder; a folder needs --preset", path))
	}
	f.Limit = f.limit
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		if !single {
			return nil, done, usage("CSV 文件只能有一种内容，KIND 不能是 all", "a CSV file holds one kind; KIND cannot be all")
		}
		source, err = rows.CSV(path, one)
		return source, done, fileTrouble(err)
	}
	return rows.JSONLines(path, one), done, nil
}

// spool keeps standard input in a file: rows are read once for each phase.
func (c *cli) spool() (string, func(), error) {
	file, err := os.CreateTemp("", "jieli-import-*.jsonl")
	if err != nil {
		return "", func() {}, err
	}
	done := func() { os.Remove(file.Name()) }
	_, err = io.Copy(file, c.in)
	return file.Name(), done, errors.Join(err, file.Close())
}

func fileTrouble(err error) error {
	var header *rows.HeaderError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &header):
		return usage(fmt.Sprintf("%s：表头有未知字段 %s。可用字段：%s", header.File, strings.Join(header.Unknown, "、"), strings.Join(header.Known, "、")), header.Error())
	}
	return failed("读不到文件："+err.Error(), "the file cannot be read: "+err.Error())
}

func (c *cli) importFile(ctx context.Context, kind, path string, f importFlags) error {
	if err := f.Validate(); err != nil {
		return usage("参数不对："+err.Error(), err.Error())
	}
	source, done, err := c.importSource(kind, path, &f)
	defer done()
	if err != nil {
		return err
	}
	cl, err := c.connect(f.Concurrency)
	if err != nil {
		return err
	}
	defer cl.Close()
	refused := intake.NewRefusedFile(refusedName(f.refused, path))
	shown := 0
	f.Refused = func(row *rows.Row, p *events.Problem) error {
		if shown++; shown <= refusalsShown {
			c.showRefusal(row, p)
		}
		return refused.Add(row, p)
	}
	bar := newProgress(c.err, c.t("导入", "import"), int64(importSize(source, f)))
	f.Progress = func(s intake.Summary) { bar.set(s.Done()) }
	summary, err := intake.Run(ctx, cl, source, f.Config)
	bar.finish()
	if shown > refusalsShown {
		fmt.Fprintf(c.err, c.t("……另有 %d 行\n", "… and %d more\n"), shown-refusalsShown)
	}
	if closed := refused.Close(); err == nil {
		err = closed
	}
	c.showSummary(summary, refused.Files(), f.DryRun)
	switch {
	case err != nil && interrupted(err):
		return failed("已中断；再次导入同一文件会从断点继续", "interrupted; importing the same file again goes on from here")
	case err != nil:
		return err
	case summary.Refused+summary.Failed > 0:
		return said()
	}
	return nil
}

func importSize(source rows.Source, f importFlags) int {
	n := source.Size()
	if f.Limit > 0 {
		n = min(n, f.Limit)
	}
	return n
}

func refusedName(given, path string) string {
	if given != "" {
		return given
	}
	base := filepath.Base(path)
	if path == "-" {
		base = "stdin.jsonl"
	}
	return "refused-" + strings.TrimPrefix(base, "refused-")
}

func (c *cli) showRefusal(row *rows.Row, p *events.Problem) {
	zh, en := problemSentences(p)
	where := fmt.Sprintf(c.t("第 %d 行", "line %d"), row.Line)
	if row.Line == 0 {
		where = c.t("汇总行 ", "derived row ") + rowID(row)
	}
	fmt.Fprintf(c.err, "%s  %s  %s  %s\n", where, strings.TrimPrefix(p.Type, events.ProblemPrefix), p.Field, clean(c.t(zh, en)))
}

// rowID is the id in a row's payload, "" when it has none.
func rowID(row *rows.Row) string {
	var named struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(row.Data, &named) != nil {
		return ""
	}
	return clean(named.ID)
}

func (c *cli) showSummary(s intake.Summary, files []string, dry bool) {
	result := struct {
		intake.Summary `yaml:",inline"`
		Seconds        float64  `json:"seconds" yaml:"seconds"`
		Rate           float64  `json:"rows_per_second" yaml:"rows_per_second"`
		DryRun         bool     `json:"dry_run,omitempty" yaml:"dry_run,omitempty"`
		Files          []string `json:"refused_files,omitempty" yaml:"refused_files,omitempty"`
	}{s, s.Elapsed.Seconds(), s.Rate(), dry, files}
	// The summary goes where the result goes; writing it cannot fail in a way that still can be told.
	_ = c.emit(result, func() {
		t := newTable(c.t("读取", "read"), c.t("接受", "accepted"), c.t("无变化", "unchanged"), c.t("重复", "repeated"), c.t("拒绝", "refused"),
			c.t("失败", "failed"), c.t("重试", "retries"), c.t("用时", "time"), c.t("行/秒", "rows/s")).alignRight(0, 1, 2, 3, 4, 5, 6, 7, 8)
		accepted := fmt.Sprint(s.Accepted)
		if dry {
			accepted += c.t("（试运行）", " (dry run)")
		}
		t.add(fmt.Sprint(s.Read), accepted, fmt.Sprint(s.Unchanged), fmt.Sprint(s.Repeated), fmt.Sprint(s.Refused), fmt.Sprint(s.Failed),
			fmt.Sprint(s.Retries), s.Elapsed.Round(time.Millisecond).String(), fmt.Sprintf("%.0f", s.Rate()))
		t.write(c.out)
		for _, file := range files {
			fmt.Fprintf(c.out, c.t("被拒绝的行：%s（改正后再次导入）\n", "refused rows: %s (correct them and import the file)\n"), file)
		}
	})
}
