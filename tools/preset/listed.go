package preset

import (
	"strings"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/rows"
)

// markets of the boards, as they stand before the stock code in "listed".
var markets = map[string]string{
	"沪市主板": "SSE-MAIN", "科创板": "SSE-STAR", "深市主板": "SZSE-MAIN", "创业板": "SZSE-CHINEXT", "北交所": "BSE",
}

// listedCompanies maps companies.csv to enterprises. The set has no social credit codes: ids are of the private scheme,
// x-listed-<code>-<market>. Founding day and stage are not known and stay absent.
func listedCompanies(path string, limit int) ([]*rows.Row, error) {
	file, _, err := mainFile(path, "companies.csv")
	if err != nil {
		return nil, err
	}
	records, err := table(file, limit, "ts_code", "short_name", "full_name", "board", "area_gb2260", "industry_tushare")
	if err != nil {
		return nil, err
	}
	out := make([]*rows.Row, 0, len(records))
	for _, r := range records {
		row := r.Row(rows.Enterprise)
		out = append(out, row)
		if row.Problem != nil {
			continue
		}
		code, market, ok := strings.Cut(r.Get("ts_code"), ".")
		industry, known := listedIndustry[r.Get("industry_tushare")]
		board, listed := markets[r.Get("board")]
		name := r.Get("full_name")
		if name == "" {
			name = r.Get("short_name")
		}
		switch {
		case !ok || !events.ValidID(code+market):
			refused(row, events.ErrID.Refusef("/ts_code", "%q 不是证券代码", "%q is not a stock code", r.Get("ts_code")))
		case !known:
			refused(row, events.ErrIndustry.Refusef("/industry_tushare", "行业 %q 未映射到 GB/T 4754", "industry %q is not mapped to GB/T 4754", r.Get("industry_tushare")))
		case !listed:
			refused(row, events.ErrCode.Refusef("/board", "未知的板块 %q", "unknown board %q", r.Get("board")))
		default:
			made(row, events.RegisterEnterprise{
				ID: "x-listed-" + code + "-" + market, Scheme: events.SchemePrivate, Name: name,
				Region: r.Get("area_gb2260"), Industry: industry, Listed: board + ":" + code,
			})
		}
	}
	return out, nil
}
