package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/jieli-bus/jieli/contracts/codes"
)

// tried is the answer of POST /v1/match, as far as it is shown.
type tried struct {
	Eligible int `json:"eligible"`
	Matches  []struct {
		Rank       int        `json:"rank"`
		Offer      string     `json:"offer"`
		Party      string     `json:"party"`
		PartyName  string     `json:"party_name"`
		Instrument string     `json:"instrument"`
		Score      int        `json:"score"`
		Reasons    codes.Text `json:"reasons"`
	} `json:"matches"`
	Reach []struct {
		Opened   int        `json:"opened"`
		Eligible int        `json:"eligible"`
		Text     codes.Text `json:"text"`
	} `json:"reach"`
	Removed []removed  `json:"removed"`
	Caution codes.Text `json:"caution"`
	basis
}

// draftBytesMax bounds a draft that is read from a file.
const draftBytesMax = 1 << 20

// matchDraft tries a demand that is not published.
func (c *cli) matchDraft(ctx context.Context, file string, limit int) error {
	in := c.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fileTrouble(err)
		}
		defer f.Close()
		in = f
	}
	draft, err := io.ReadAll(io.LimitReader(in, draftBytesMax))
	if err != nil {
		return fileTrouble(err)
	}
	cl, err := c.connect(1)
	if err != nil {
		return err
	}
	defer cl.Close()
	var raw json.RawMessage
	if err := cl.Call(ctx, "POST", fmt.Sprintf("/v1/match?limit=%d&lang=%s", limit, c.lang), draft, &raw); err != nil {
		return err
	}
	return show(c, raw, c.drawTried)
}

func (c *cli) drawTried(r tried) {
	fmt.Fprintf(c.out, c.t("草稿：%d 个产品的公开条件都符合\n", "Draft: the public conditions of %d offers hold\n"), r.Eligible)
	if len(r.Matches) > 0 {
		t := newTable(c.t("名次", "rank"), c.t("产品", "offer"), c.t("机构", "institution"), c.t("品种", "instrument"), c.t("匹配度", "score"), c.t("理由", "reasons")).alignRight(0, 4)
		for _, o := range r.Matches {
			t.add(fmt.Sprint(o.Rank), o.Offer, clean(orElse(o.PartyName, o.Party)), c.instrument(o.Instrument), fmt.Sprint(o.Score), c.t(o.Reasons.Zh, o.Reasons.En))
		}
		t.write(c.out)
	}
	if len(r.Reach) > 0 {
		t := newTable(c.t("若改变", "if it changed"), c.t("多出", "more offers"), c.t("共", "in all")).alignRight(1, 2)
		for _, step := range r.Reach {
			t.add(c.t(step.Text.Zh, step.Text.En), fmt.Sprintf("%+d", step.Opened), fmt.Sprint(step.Eligible))
		}
		t.write(c.out)
	}
	c.drawRemoved(r.Removed)
	fmt.Fprintln(c.out, c.t(r.Caution.Zh, r.Caution.En))
	c.drawBasis(r.basis)
}
