package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// removed counts what one condition took away.
type removed struct {
	Field  string     `json:"field"`
	Name   codes.Text `json:"name"`
	Offers int        `json:"offers"`
}

// basis is what every answer about matching rests on.
type basis struct {
	RuleSet     string    `json:"rule_set"`
	RuleSetHash string    `json:"rule_set_hash"`
	AsOf        time.Time `json:"as_of"`
	Positions   []string  `json:"positions"`
}

// nearMisses is the answer of /v1/demands/{id}/near-misses, as far as it is shown.
type nearMisses struct {
	Demand     string `json:"demand"`
	Version    uint64 `json:"demand_version"`
	Eligible   int    `json:"eligible"`
	NearMisses []struct {
		Offer      string `json:"offer"`
		Party      string `json:"party"`
		PartyName  string `json:"party_name"`
		Instrument string `json:"instrument"`
		Score      int    `json:"score"`
		Failed     struct {
			Name  codes.Text `json:"name"`
			Field string     `json:"field"`
			Op    string     `json:"op"`
			Bound string     `json:"bound"`
		} `json:"failed"`
		Change struct {
			Text codes.Text `json:"text"`
		} `json:"change"`
	} `json:"near_misses"`
	Removed []removed `json:"removed"`
	basis
}

func (c *cli) nearMissesCommand() *cobra.Command {
	limit := 10
	cmd := &cobra.Command{
		Use:     "near-misses DEMAND_ID",
		Short:   c.t("列出与一个需求只差一步的产品及补上的办法", "List the offers that one step parts from a demand, and the step"),
		Example: "  jieli near-misses sample-demand-000001",
		Args:    c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(c, cmd, fmt.Sprintf("/v1/demands/%s/near-misses", url.PathEscape(args[0])), limit, c.drawNearMisses)
		},
	}
	c.limitFlag(cmd, &limit)
	return cmd
}

// limitFlag is the flag of how many places are asked for.
func (c *cli) limitFlag(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "limit", *limit, c.t("最多列出几项", "places to show at most"))
}

// ask gets an answer about matching and shows it.
func ask[T any](c *cli, cmd *cobra.Command, path string, limit int, draw func(T)) error {
	if limit < 1 || limit > 200 {
		return usage("--limit 须在 1 至 200 之间", "--limit is within 1 and 200")
	}
	cl, err := c.connect(1)
	if err != nil {
		return err
	}
	defer cl.Close()
	var raw json.RawMessage
	if err := cl.Get(cmd.Context(), fmt.Sprintf("%s?limit=%d&lang=%s", path, limit, c.lang), "", &raw); err != nil {
		return err
	}
	return show(c, raw, draw)
}

// show decodes an answer and emits it.
func show[T any](c *cli, raw json.RawMessage, draw func(T)) error {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	return c.emit(raw, func() { draw(v) })
}

func (c *cli) drawNearMisses(n nearMisses) {
	fmt.Fprintf(c.out, c.t("需求 %s（版本 %d）：%d 个产品符合条件，下列产品只差一步\n", "Demand %s (version %d): %d offers are eligible; one step parts it from these\n"), n.Demand, n.Version, n.Eligible)
	if len(n.NearMisses) > 0 {
		t := newTable(c.t("产品", "offer"), c.t("机构", "institution"), c.t("品种", "instrument"), c.t("不符合", "fails"), c.t("要求", "bound"), c.t("补上这一步", "the step"), c.t("之后匹配度", "score then")).alignRight(6)
		for _, m := range n.NearMisses {
			t.add(m.Offer, clean(orElse(m.PartyName, m.Party)), c.instrument(m.Instrument), c.name(m.Failed.Name, m.Failed.Field), strings.TrimSpace(signs[m.Failed.Op]+" "+c.bound(m.Failed.Bound)),
				c.t(m.Change.Text.Zh, m.Change.Text.En), fmt.Sprint(m.Score))
		}
		t.write(c.out)
	}
	c.drawRemoved(n.Removed)
	c.drawBasis(n.basis)
}

// drawRemoved says which condition took how many offers away.
func (c *cli) drawRemoved(list []removed) {
	if len(list) == 0 {
		return
	}
	parts := make([]string, len(list))
	for i, r := range list {
		parts[i] = fmt.Sprintf("%s %d", c.name(r.Name, r.Field), r.Offers)
	}
	fmt.Fprintln(c.out, c.t("被条件去掉的产品：", "Offers that a condition took away: ")+strings.Join(parts, c.t("，", ", ")))
}

func (c *cli) drawBasis(b basis) {
	fmt.Fprintf(c.out, c.t("规则 %s（%.12s），截至 %s，依据 %s。匹配度只用于撮合排序，不是信用评分。\n",
		"Rules %s (%.12s) as of %s, read from %s. The score orders matches only; it is not a credit score.\n"), b.RuleSet, b.RuleSetHash, instant(b.AsOf), strings.Join(b.Positions, " "))
}

// leads is the answer of /v1/offers/{id}/leads, as far as it is shown.
type leads struct {
	Offer    string `json:"offer"`
	Version  uint64 `json:"offer_version"`
	Eligible int    `json:"eligible"`
	Leads    []struct {
		Rank       int          `json:"rank"`
		Demand     string       `json:"demand"`
		Enterprise string       `json:"enterprise"`
		Region     string       `json:"region"`
		Industry   string       `json:"industry"`
		Amount     events.Money `json:"amount"`
		Score      int          `json:"score"`
		Reasons    codes.Text   `json:"reasons"`
	} `json:"leads"`
	basis
}

func (c *cli) leadsCommand() *cobra.Command {
	limit := 10
	cmd := &cobra.Command{
		Use:     "leads OFFER_ID",
		Short:   c.t("列出与一个产品最匹配的需求（商机）", "Rank the open demands for an offer"),
		Example: "  jieli leads sample-offer-000007",
		Args:    c.args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(c, cmd, fmt.Sprintf("/v1/offers/%s/leads", url.PathEscape(args[0])), limit, c.drawLeads)
		},
	}
	c.limitFlag(cmd, &limit)
	return cmd
}

func (c *cli) drawLeads(l leads) {
	fmt.Fprintf(c.out, c.t("产品 %s（版本 %d）：%d 个未结需求符合条件\n", "Offer %s (version %d): %d open demands are eligible\n"), l.Offer, l.Version, l.Eligible)
	if len(l.Leads) > 0 {
		t := newTable(c.t("名次", "rank"), c.t("需求", "demand"), c.t("企业", "enterprise"), c.t("地区", "region"), c.t("行业", "industry"), c.t("待融资", "open amount"), c.t("匹配度", "score"), c.t("理由", "reasons")).alignRight(0, 5, 6)
		for _, d := range l.Leads {
			t.add(fmt.Sprint(d.Rank), d.Demand, d.Enterprise, d.Region, d.Industry, d.Amount.String(), fmt.Sprint(d.Score), c.t(d.Reasons.Zh, d.Reasons.En))
		}
		t.write(c.out)
	}
	c.drawBasis(l.basis)
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
