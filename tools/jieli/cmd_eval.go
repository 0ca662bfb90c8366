package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/appetite"
	"github.com/jieli-bus/jieli/tools/eval"
)

func (c *cli) evalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "eval",
		Short: c.t("用真实融资轮次衡量撮合质量（不需要服务）", "Measure match quality on real funding rounds (needs no server)"),
		Args:  c.args(0, 0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.evalRoundsCommand(), c.evalTuneCommand())
	return cmd
}

// evalFlags are what one measurement is asked for.
type evalFlags struct {
	split, ranks, rules, set string
	seed                     uint64
}

func (c *cli) evalRoundsCommand() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "rounds DIR",
		Short: c.t("只凭每轮之前的历史，为每轮融资排出投资机构，并与基准比较", "Rank firms for each round by what came before it, beside baselines"),
		Long: c.t("文件夹须有 rounds.csv 和 investments.csv。训练部分（split=train）只作历史；其余每个部分给出一张表。区间为逐轮配对重抽样的 95% 区间。",
			"The folder has rounds.csv and investments.csv. The train split is history only; each other split gets a table. Intervals hold 95 of 100 paired resamplings of the rounds."),
		Example: "  jieli eval rounds ../shared/data/funding-rounds --ranks ranks.csv",
		Args:    c.args(1, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return c.evalRounds(args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.split, "split", "", c.t("只衡量这一部分（缺省：train 以外的全部）", "measure this split only (default: all but train)"))
	flags.StringVar(&f.ranks, "ranks", "", c.t("把名次写成 CSV：round_id,rank,investor；只限一个部分", "write the ranks as CSV: round_id,rank,investor; of one split"))
	flags.StringVar(&f.rules, "rules", "", c.t("规则文件夹（缺省：程序内的规则）", "folder of rule files (default: those in the program)"))
	flags.StringVar(&f.set, "set", "", c.t("机构偏好参数的编号（缺省：最新）", "id of the appetite parameters (default: the latest)"))
	flags.Uint64Var(&f.seed, "seed", 1, c.t("随机基准和区间的种子", "seed of the random baseline and of the intervals"))
	return cmd
}

func (c *cli) evalRounds(dir string, f evalFlags) error {
	data, err := readRounds(dir)
	if err != nil {
		return err
	}
	splits := data.Splits()
	if f.split != "" {
		if !slices.Contains(splits, f.split) {
			return usage(fmt.Sprintf("--split %q 不在数据中，可用：%s", f.split, strings.Join(splits, "、")), fmt.Sprintf("--split %q is not in the data; there are: %s", f.split, strings.Join(splits, ", ")))
		}
		splits = []string{f.split}
	}
	switch {
	case len(splits) == 0:
		return failed("数据中只有训练部分，没有可衡量的轮次", "there is only the train split, nothing to measure")
	case f.ranks != "" && len(splits) > 1:
		return usage("数据有几个部分，--ranks 须与 --split 同用", "the data has several splits: give --ranks with --split")
	}
	rules, set, err := scoring(f.rules, f.set)
	if err != nil {
		return err
	}
	var reports []*eval.Report
	for _, split := range splits {
		reports = append(reports, data.Evaluate(split, rules, set, f.seed))
	}
	if f.ranks != "" {
		if err := writeRanks(f.ranks, reports[0].Rankings); err != nil {
			return failed("名次写不出："+err.Error(), "the ranks cannot be written: "+err.Error())
		}
	}
	return c.emit(reports, func() {
		for _, r := range reports {
			c.drawEval(r)
		}
	})
}

func readRounds(dir string) (*eval.Set, error) {
	data, err := eval.Read(dir)
	if err != nil {
		return nil, failed("融资轮次读不了："+err.Error(), "the rounds cannot be read: "+err.Error())
	}
	return data, nil
}

// scoring loads what the product scores by: from a folder, else from the program.
func scoring(folder, id string) (*matcher.RuleSets, *appetite.Set, error) {
	files := contracts.Rules()
	if folder != "" {
		files = os.DirFS(folder)
	}
	sets, err := appetite.Load(files)
	if err != nil {
		return nil, nil, failed("规则文件读不了："+err.Error(), "the rule files cannot be read: "+err.Error())
	}
	set := sets.Last()
	if id != "" {
		var ok bool
		if set, ok = sets.ByID(id); !ok {
			return nil, nil, usage(fmt.Sprintf("没有机构偏好参数 %q", id), fmt.Sprintf("there is no appetite set %q", id))
		}
	}
	rules, err := matcher.LoadRules(contracts.Rules())
	if err != nil {
		return nil, nil, failed("评分规则读不了："+err.Error(), "the scoring rules cannot be read: "+err.Error())
	}
	return rules, set, nil
}

func writeRanks(name string, rankings []eval.Ranking) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	err = eval.WriteRanks(file, rankings)
	if broken := file.Close(); err == nil {
		err = broken
	}
	return err
}

// rankingNames are the rankings' names in Chinese.
var rankingNames = map[string]string{
	"product": "本系统", "product, rules alone": "本系统，只用规则", "random": "随机", "popularity": "按总轮次", "recent popularity": "按近半年轮次",
	"sector+city+stage frequency": "同行业、城市、阶段次数", "nearest neighbours": "近邻轮次",
}

func (c *cli) drawEval(r *eval.Report) {
	fmt.Fprintf(c.out, c.t("部分 %s：%d 轮，计 %d 轮；种子 %d；参数 %s（%.12s）\n", "split %s: %d rounds, %d counted; seed %d; parameters %s (%.12s)\n"),
		clean(r.Split), r.Asked, r.Counted, r.Seed, r.RuleSet, r.Hash)
	main, ahead := c.t("排序", "ranking"), c.t("本系统领先", "product ahead by")
	t := newTable(main, "hit@10", "hit@20", "MRR", "nDCG@20", ahead+" hit@20", ahead+" MRR").alignRight(1, 2, 3, 4)
	interval := func(row eval.Row, metric string) string {
		i, ok := row.Ahead[metric]
		if !ok {
			return ""
		}
		return fmt.Sprintf("%+.3f [%+.3f, %+.3f]", i.Difference, i.Low, i.High)
	}
	for _, row := range r.Rows {
		cells := []string{c.t(rankingNames[row.Name], row.Name)}
		for _, name := range eval.MetricNames {
			cells = append(cells, fmt.Sprintf("%.3f", row.Metrics[name]))
		}
		t.add(append(cells, interval(row, "hit@20"), interval(row, "MRR"))...)
	}
	t.write(c.out)
	c.drawFolds(r.Folds)
	fmt.Fprintln(c.out, c.t("名次只用于撮合排序，不是信用评分。", "The ranks order matches only; they are no credit scores."))
}

// drawFolds shows what was measured on the train split, each fold by weights of the days before it.
func (c *cli) drawFolds(folds []appetite.Fold) {
	if len(folds) == 0 {
		return
	}
	fmt.Fprintln(c.out, c.t("训练部分按时间分段（每段的权重只由该段之前拟合）：", "folds of the train split (weights fitted on the days before each fold):"))
	t := newTable(c.t("从", "from"), c.t("到", "to"), c.t("计轮", "counted"), "hit@20", "MRR", c.t("按总轮次 hit@20", "popularity hit@20"), c.t("按总轮次 MRR", "popularity MRR")).alignRight(2, 3, 4, 5, 6)
	share := func(ppm int) string { return fmt.Sprintf("%.3f", float64(ppm)/1e6) }
	for _, f := range folds {
		t.add(f.From, f.To, fmt.Sprint(f.Rounds), share(f.Hit20PPM), share(f.MRRPPM), share(f.PopularHit20PPM), share(f.PopularMRRPPM))
	}
	t.write(c.out)
}

func (c *cli) evalTuneCommand() *cobra.Command {
	var from, out string
	cmd := &cobra.Command{
		Use:   "tune DIR",
		Short: c.t("只用训练部分拟合机构偏好参数，写出有日期的规则文件", "Fit the appetite parameters on the train split alone and write a dated rule file"),
		Long: c.t("参数逐个试，按训练部分最后四个时间段的似然取舍；其他部分一轮也不看。没有随机数，同样的数据得到同样的文件。",
			"Parameters are tried one by one and kept by the likelihood of the last four folds of the train split; no round of another split is looked at. Nothing is random: the same data gives the same file."),
		Example: "  jieli eval tune ../shared/data/funding-rounds --from 2026-11-23 --out contracts/rules",
		Args:    c.args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := readRounds(args[0])
			if err != nil {
				return err
			}
			if _, err := events.Date(from).Start(); err != nil {
				return usage("--from 须是形如 2026-11-23 的日期", "--from is a day like 2026-11-23")
			}
			rules, err := matcher.LoadRules(contracts.Rules())
			if err != nil {
				return failed("评分规则读不了："+err.Error(), "the scoring rules cannot be read: "+err.Error())
			}
			set, err := eval.Tune(data, rules, eval.Start(), c.err)
			if err != nil {
				return failed("拟合不成："+err.Error(), "not fitted: "+err.Error())
			}
			body, err := eval.File(set, events.Date(from), filepath.Base(filepath.Clean(args[0])))
			if err != nil {
				return err
			}
			if out == "" {
				_, err = c.out.Write(body)
				return err
			}
			return os.WriteFile(filepath.Join(out, "appetite."+from+".json"), body, 0o644)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", c.t("文件生效的第一天（必填）", "first day on which the file is in force (required)"))
	cmd.Flags().StringVar(&out, "out", "", c.t("写到这个文件夹（缺省：标准输出）", "write it to this folder (default: standard output)"))
	return cmd
}
