package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// stacked is the answer of /v1/demands/{id}/stack, as far as it is shown.
type stacked struct {
	Demand  string       `json:"demand"`
	Version uint64       `json:"demand_version"`
	Open    events.Money `json:"open"`
	Covered events.Money `json:"covered"`
	Score   int          `json:"score"`
	CostBP  int64        `json:"cost_bp"`
	Layers  []struct {
		Offer      string       `json:"offer"`
		Party      string       `json:"party"`
		PartyName  string       `json:"party_name"`
		Instrument string       `json:"instrument"`
		Amount     events.Money `json:"amount"`
		Support    string       `json:"support"`
		Reasons    codes.Text   `json:"reasons"`
	} `json:"layers"`
	Candidates int       `json:"candidates"`
	Sets       int       `json:"sets"`
	Proved     bool      `json:"proved"`
	RuleSet    string    `json:"rule_set"`
	AsOf       time.Time `json:"as_of"`
}

func (c *cli) stackCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "stack DEMAND_ID",
		Short:   c.t("为一个需求组合几项产品（组合融资）", "Combine several offers that together cover a demand"),
		Example: "  jieli stack sample-demand-000001",
		Args:    c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := c.connect(1)
			if err != nil {
				return err
			}
			defer cl.Close()
			var raw json.RawMessage
			if err := cl.Get(cmd.Context(), fmt.Sprintf("/v1/demands/%s/stack", url.PathEscape(args[0])), "", &raw); err != nil {
				return err
			}
			var s stacked
			if err := json.Unmarshal(raw, &s); err != nil {
				return err
			}
			return c.emit(raw, func() { c.drawStack(s) })
		},
	}
}

func (c *cli) drawStack(s stacked) {
	fmt.Fprintf(c.out, c.t("需求 %s（版本 %d）：缺口 %s，组合可满足 %s\n", "Demand %s (version %d): %s open, the stack covers %s\n"), s.Demand, s.Version, s.Open, s.Covered)
	if len(s.Layers) > 0 {
		t := newTable(c.t("层", "layer"), c.t("产品", "offer"), c.t("机构", "institution"), c.t("品种", "instrument"), c.t("金额", "amount"), c.t("理由", "reasons")).alignRight(0, 4)
		for i, l := range s.Layers {
			name := l.PartyName
			if name == "" {
				name = l.Party
			}
			amount := l.Amount.String()
			if l.Support != "" {
				amount = "(" + amount + ")"
			}
			t.add(fmt.Sprint(i+1), l.Offer, name, c.instrument(l.Instrument), amount, c.t(l.Reasons.Zh, l.Reasons.En))
		}
		t.write(c.out)
		fmt.Fprintf(c.out, c.t("加权匹配度 %d，加权成本每年 %d.%02d%%。括号内为担保或增信，不带来资金。\n", "Score by amount %d, cost by amount %d.%02d %% a year. In brackets: what stands behind the money and brings none.\n"),
			s.Score, s.CostBP/100, s.CostBP%100)
	}
	proved := c.t("已证明最优", "proved best")
	if !s.Proved {
		proved = c.t("未证明最优", "not proved best")
	}
	fmt.Fprintf(c.out, c.t("候选 %d，查看 %d 个组合，%s；规则 %s，截至 %s。只是建议，不预留额度；匹配度不是信用评分。\n",
		"%d candidates, %d sets looked at, %s; rules %s as of %s. A proposal, nothing is reserved; the score is not a credit score.\n"),
		s.Candidates, s.Sets, proved, s.RuleSet, instant(s.AsOf))
}
