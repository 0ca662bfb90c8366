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

// recommendations is the answer of /v1/demands/{id}/recommendations, as far as it is shown.
type recommendations struct {
	Demand   string        `json:"demand"`
	Version  uint64        `json:"version"`
	AsOf     time.Time     `json:"as_of"`
	RuleSet  string        `json:"rule_set"`
	Eligible int           `json:"eligible"`
	Offers   []recommended `json:"offers"`
	Removed  []removed     `json:"removed"`
}

type recommended struct {
	Rank       int    `json:"rank"`
	Offer      string `json:"offer"`
	Party      string `json:"party"`
	PartyName  string `json:"party_name"`
	Instrument string `json:"instrument"`
	Score      int    `json:"score"`
	Reasons    string `json:"reasons"`
}

func (c *cli) matchCommand() *cobra.Command {
	limit, file := 10, ""
	cmd := &cobra.Command{
		Use:   "match DEMAND_ID | -f FILE",
		Short: c.t("为一个需求或未发布的草稿推荐产品", "Rank the offers for a demand, or for a draft that is not published"),
		Long: c.t("-f 给出未发布的需求草稿（内容同发布需求的命令）：只按公开条件判断，不留存，并列出改变金额、期限、价格或担保可多得多少产品。",
			"-f names a draft (the content of the command that publishes a demand): it is judged by public conditions, nothing is stored, and how many more offers a change of amount, term, price or security opens is listed."),
		Example: "  jieli match sample-demand-000001\n  jieli match -f draft.json",
		Args:    c.args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (file == "") == (len(args) == 0) {
				return usage("须给出需求编号或用 -f 指定草稿", "name a demand, or a draft with -f")
			}
			if file != "" {
				if limit < 1 || limit > 200 {
					return usage("--limit 须在 1 至 200 之间", "--limit is within 1 and 200")
				}
				return c.matchDraft(cmd.Context(), file, limit)
			}
			return ask(c, cmd, fmt.Sprintf("/v1/demands/%s/recommendations", url.PathEscape(args[0])), limit, c.drawMatch)
		},
	}
	c.limitFlag(cmd, &limit)
	cmd.Flags().StringVarP(&file, "file", "f", "", c.t("草稿文件，- 为标准输入", "file with a draft, - for standard input"))
	return cmd
}

func (c *cli) drawMatch(r recommendations) {
	fmt.Fprintf(c.out, c.t("需求 %s（版本 %d）：%d 个产品符合条件\n", "Demand %s (version %d): %d offers are eligible\n"), r.Demand, r.Version, r.Eligible)
	if len(r.Offers) > 0 {
		t := newTable(c.t("名次", "rank"), c.t("产品", "offer"), c.t("机构", "institution"), c.t("品种", "instrument"), c.t("匹配度", "score"), c.t("理由", "reasons")).alignRight(0, 4)
		for _, o := range r.Offers {
			t.add(fmt.Sprint(o.Rank), o.Offer, partyName(o), c.instrument(o.Instrument), fmt.Sprint(o.Score), o.Reasons)
		}
		t.write(c.out)
		fmt.Fprintf(c.out, c.t("逐条解释：jieli explain %s %s\n", "Clause by clause: jieli explain %s %s\n"), r.Demand, r.Offers[0].Offer)
	}
	c.drawRemoved(r.Removed)
	fmt.Fprintf(c.out, c.t("规则 %s，截至 %s。匹配度只用于撮合排序，不是信用评分。\n", "Rules %s as of %s. The score orders matches only; it is not a credit score.\n"), r.RuleSet, instant(r.AsOf))
}

// instant writes a time as people in China read it.
func instant(t time.Time) string { return t.In(events.Beijing).Format("2006-01-02 15:04") }

func partyName(o recommended) string { return orElse(o.PartyName, o.Party) }

// instrument is the name of an instrument, its code when the list does not have it.
func (c *cli) instrument(code string) string {
	if e, ok := codes.Instrument(code); ok {
		return c.t(e.Zh, e.En)
	}
	return code
}

// explanation is the answer of /v1/demands/{id}/explain/{offer}, as far as it is shown.
type explanation struct {
	Demand    string `json:"demand"`
	Offer     string `json:"offer"`
	PartyName string `json:"party_name"`
	Eligible  bool   `json:"eligible"`
	Clauses   []struct {
		Field      string     `json:"field"`
		Name       codes.Text `json:"name"`
		Op         string     `json:"op"`
		Bound      string     `json:"bound"`
		Value      string     `json:"value"`
		NodeName   string     `json:"node_name"`
		Passed     bool       `json:"passed"`
		Visibility string     `json:"visibility"`
	} `json:"clauses"`
	Terms []struct {
		Term     string     `json:"term"`
		Name     codes.Text `json:"name"`
		Points   int        `json:"points"`
		Most     int        `json:"most"`
		NodeName string     `json:"node_name"`
	} `json:"terms"`
	Score       int       `json:"score"`
	RuleSet     string    `json:"rule_set"`
	RuleSetHash string    `json:"rule_set_hash"`
	AsOf        time.Time `json:"as_of"`
	Positions   []string  `json:"positions"`
}

func (c *cli) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain DEMAND_ID OFFER_ID",
		Short:   c.t("逐条解释一个产品为何适合或不适合一个需求", "Say clause by clause why an offer fits a demand or does not"),
		Example: "  jieli explain sample-demand-000001 sample-offer-000007",
		Args:    c.args(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := c.connect(1)
			if err != nil {
				return err
			}
			defer cl.Close()
			var raw json.RawMessage
			path := fmt.Sprintf("/v1/demands/%s/explain/%s?lang=%s", url.PathEscape(args[0]), url.PathEscape(args[1]), c.lang)
			if err := cl.Get(cmd.Context(), path, "", &raw); err != nil {
				return err
			}
			var e explanation
			if err := json.Unmarshal(raw, &e); err != nil {
				return err
			}
			if err := c.emit(raw, func() { c.drawExplanation(e) }); err != nil {
				return err
			}
			sum := 0
			for _, t := range e.Terms {
				sum += t.Points
			}
			if sum != e.Score {
				return failed(fmt.Sprintf("各项之和 %d 与匹配度 %d 不符，请报告此问题", sum, e.Score), fmt.Sprintf("the terms sum to %d, the score says %d; please report this", sum, e.Score))
			}
			return nil
		},
	}
}

// signs write operators for people.
var signs = map[string]string{
	events.OpMin: "≥", events.OpMax: "≤", events.OpIn: "∈", events.OpAny: "∩", events.OpAll: "⊇", "is": "=", "before": "<", "above": ">", "overlaps": "∩",
}

func (c *cli) drawExplanation(e explanation) {
	fmt.Fprintf(c.out, c.t("需求 %s · 产品 %s · %s\n", "Demand %s · offer %s · %s\n"), e.Demand, e.Offer, clean(e.PartyName))
	t := newTable(c.t("条件", "clause"), c.t("要求", "bound"), c.t("需求方", "demand has"), c.t("结果", "result"), c.t("公开范围", "visibility"))
	for _, clause := range e.Clauses {
		result := "✓"
		if !clause.Passed {
			result = "✗"
		}
		if clause.Field == "private" { // it stands for all of them
			t.add(c.name(clause.Name, clause.Field), "", "", result, c.visibility(clause.Visibility))
			continue
		}
		bound := strings.TrimSpace(signs[clause.Op] + " " + c.bound(clause.Bound))
		if clause.NodeName != "" {
			bound += "（" + clause.NodeName + "）"
		}
		t.add(c.name(clause.Name, clause.Field), bound, c.bound(clause.Value), result, c.visibility(clause.Visibility))
	}
	t.write(c.out)
	if !e.Eligible {
		fmt.Fprintln(c.out, c.paint(red, c.t("不符合条件", "not eligible")))
	} else {
		terms := newTable(c.t("得分项", "term"), c.t("得分", "points"), c.t("满分", "most"), c.t("依据", "rests on")).alignRight(1, 2)
		sum, most := 0, 0
		for _, x := range e.Terms {
			sum += x.Points
			most += x.Most
			terms.add(c.name(x.Name, x.Term), fmt.Sprintf("%+d", x.Points), fmt.Sprint(x.Most), x.NodeName)
		}
		terms.add(c.t("合计", "sum"), fmt.Sprint(sum), fmt.Sprint(most), "")
		terms.write(c.out)
		fmt.Fprintln(c.out, c.paint(green, fmt.Sprintf(c.t("符合条件，匹配度 %d", "eligible, score %d"), e.Score)))
	}
	fmt.Fprintf(c.out, c.t("规则 %s（%.12s），截至 %s，依据 %s。匹配度只用于撮合排序，不是信用评分。\n",
		"Rules %s (%.12s) as of %s, read from %s. The score orders matches only; it is not a credit score.\n"),
		e.RuleSet, e.RuleSetHash, instant(e.AsOf), strings.Join(e.Positions, " "))
}

func (c *cli) name(t codes.Text, code string) string {
	if s := c.t(t.Zh, t.En); s != "" {
		return s
	}
	return code
}

// bound writes the words that stand for no value.
func (c *cli) bound(s string) string {
	switch s {
	case "private":
		return c.t("不公开", "withheld")
	case "unknown":
		return c.t("未知", "unknown")
	case "none":
		return c.t("无", "none")
	}
	return s
}

func (c *cli) visibility(s string) string {
	switch s {
	case events.VisiblePublic:
		return c.t("公开", "public")
	case events.VisibleMatched:
		return c.t("匹配双方", "matched")
	case events.VisiblePrivate:
		return c.t("仅机构", "private")
	}
	return s
}
