package main

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/tools/sample"
)

func (c *cli) sampleCommand() *cobra.Command {
	var config sample.Config
	cmd := &cobra.Command{
		Use:   "sample KIND",
		Short: c.t("生成示例数据（JSON Lines，写到标准输出）", "Generate sample rows (JSON Lines, to standard output)"),
		Long: c.t("生成示例数据：", "Generates sample rows: ") + strings.Join(sample.Kinds, "、") + c.t("。同一种子得到同样的字节；名称和编号都标明示例。",
			". The same seed gives the same bytes; names and ids say that they are samples."),
		Example: "  jieli sample enterprises --rows 20000 --seed 1 > enterprises.jsonl\n  jieli sample all --rows 500 | jieli import all -",
		Args:    c.args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(sample.Kinds, args[0]) {
				return usage(fmt.Sprintf("没有类别 %q，可用：%s", args[0], strings.Join(sample.Kinds, "、")), fmt.Sprintf("there is no kind %q; there are %s", args[0], strings.Join(sample.Kinds, ", ")))
			}
			if config.Rows < 0 || config.Rows > 100_000_000 {
				return usage("--rows 须在 0 至 100000000 之间", "--rows is within 0 and 100,000,000")
			}
			w := bufio.NewWriterSize(c.out, 256<<10)
			if err := sample.Write(w, args[0], config); err != nil {
				return err
			}
			return w.Flush()
		},
	}
	cmd.Flags().IntVar(&config.Rows, "rows", 100, c.t("行数", "number of rows"))
	cmd.Flags().Uint64Var(&config.Seed, "seed", 1, c.t("随机种子", "seed"))
	cmd.Flags().IntVar(&config.Enterprises, "enterprises", 0, c.t("需求所属企业数（缺省等于行数）", "enterprises that demands belong to (default: rows)"))
	cmd.Flags().IntVar(&config.Parties, "parties", 0, c.t("产品所属机构数（缺省为行数的八分之一）", "institutions that offers belong to (default: rows/8)"))
	return cmd
}
