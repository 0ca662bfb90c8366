package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/clearing"
)

func (c *cli) clearCommand() *cobra.Command {
	var ask matcher.ClearingAsk
	var check, out string
	cmd := &cobra.Command{
		Use:   "clear",
		Short: c.t("批量撮合：为一批需求给出总匹配度最高的分配，附可独立核验的证书", "Clear a batch of demands: the largest total score, with a certificate that anybody can verify"),
		Long: c.t("每个需求至多得到一项供给，每项供给至多承接 --per-offer 个需求且不超过剩余额度。只是建议，不预留额度。--check 只读文件，不需要服务。",
			"Each demand gets one offer at most; an offer takes at most --per-offer demands, and no more than its capacity holds. A proposal, nothing is reserved. --check only reads a file and needs no server."),
		Example: "  jieli clear --region 330000 --industry I65 --out clearing.json\n  jieli clear --check clearing.json",
		Args:    c.args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check != "" {
				return c.checkClearing(check)
			}
			cl, err := c.connect(1)
			if err != nil {
				return err
			}
			defer cl.Close()
			body, err := json.Marshal(ask)
			if err != nil {
				return err
			}
			var raw json.RawMessage
			if err := cl.Call(cmd.Context(), "POST", "/v1/clearings", body, &raw); err != nil {
				return err
			}
			if out != "" {
				if err := os.WriteFile(out, raw, 0o600); err != nil {
					return failed("结果写不出："+err.Error(), "the result cannot be written: "+err.Error())
				}
			}
			return c.showClearing(raw)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&ask.Region, "region", "", c.t("行政区划代码，含其下级（缺省：全部）", "region code with all below it (default: all)"))
	flags.StringVar(&ask.Industry, "industry", "", c.t("行业代码，含其下级（缺省：全部）", "industry code with all below it (default: all)"))
	flags.IntVar(&ask.PerOffer, "per-offer", 10, c.t("一项供给至多承接的需求数", "demands that an offer takes at most"))
	flags.StringVar(&out, "out", "", c.t("把结果和证书写到文件", "write the result with its certificate to a file"))
	flags.StringVar(&check, "check", "", c.t("独立核验一个结果文件", "verify a result file on its own"))
	return cmd
}

func (c *cli) checkClearing(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return failed("文件读不了："+err.Error(), "the file cannot be read: "+err.Error())
	}
	return c.showClearing(raw)
}

// showClearing verifies before it shows: what the server says is not taken on trust.
func (c *cli) showClearing(raw json.RawMessage) error {
	var r matcher.Clearing
	if err := json.Unmarshal(raw, &r); err != nil {
		return failed("不是批量撮合的结果："+err.Error(), "this is no result of a clearing: "+err.Error())
	}
	if err := clearing.Check(&r.Batch, &r.Result); err != nil {
		return failed("核验未通过："+err.Error(), "it does not verify: "+err.Error())
	}
	if err := named(&r); err != nil {
		return failed("核验未通过："+err.Error(), "it does not verify: "+err.Error())
	}
	return c.emit(raw, func() { c.drawClearing(&r) })
}

// named holds what is shown to what was verified.
func named(r *matcher.Clearing) error {
	if len(r.Demands) != r.Batch.Demands || len(r.Offers) != len(r.Batch.Capacities) {
		return fmt.Errorf("%d demands and %d offers are named, the batch has %d and %d", len(r.Demands), len(r.Offers), r.Batch.Demands, len(r.Batch.Capacities))
	}
	at := 0
	var total int64
	for i, j := range r.Result.Offers {
		if j < 0 {
			continue
		}
		if at == len(r.Assigned) || r.Assigned[at].Demand != r.Demands[i] || r.Assigned[at].Offer != r.Offers[j] {
			return fmt.Errorf("demand %s is not listed at offer %s", r.Demands[i], r.Offers[j])
		}
		total += int64(r.Assigned[at].Score)
		at++
	}
	if at != len(r.Assigned) || total != r.Result.Total {
		return fmt.Errorf("%d places are listed with a score of %d, the result has %d with %d", len(r.Assigned), total, at, r.Result.Total)
	}
	return nil
}

func (c *cli) drawClearing(r *matcher.Clearing) {
	if len(r.Assigned) > 0 {
		t := newTable(c.t("需求", "demand"), c.t("产品", "offer"), c.t("机构", "institution"), c.t("品种", "instrument"), c.t("匹配度", "score")).alignRight(4)
		for _, p := range r.Assigned {
			name := p.PartyName
			if name == "" {
				name = p.Party
			}
			t.add(p.Demand, p.Offer, name, c.instrument(p.Instrument), fmt.Sprint(p.Score))
		}
		t.write(c.out)
	}
	fmt.Fprintf(c.out, c.t("%d 个需求，%d 项供给，%d 对可行；分配 %d 个，总匹配度 %d（先到先得 %d，高分优先 %d）\n",
		"%d demands, %d offers, %d pairs that fit; %d assigned, total score %d (first come %d, highest first %d)\n"),
		r.Batch.Demands, len(r.Offers), len(r.Batch.Edges), len(r.Assigned), r.Result.Total, r.FirstCome, r.Greedy)
	verdict := c.t("已证明最优", "proved best")
	if r.Result.Gap > 0 {
		verdict = fmt.Sprintf(c.t("距上界 %d", "%d below the bound"), r.Result.Gap)
	}
	fmt.Fprintf(c.out, c.t("证书核验通过：上界 %d，%s。规则 %s，截至 %s。只是建议，不预留额度；匹配度不是信用评分。\n",
		"the certificate verifies: bound %d, %s. Rules %s as of %s. A proposal, nothing is reserved; the score is not a credit score.\n"),
		r.Result.Bound, verdict, r.RuleSet, instant(r.AsOf))
}
