package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/jieli-bus/jieli/tools/client"
)

// What is still well.
const (
	lagSecondsMax    = 10.0
	streamUseMax     = 0.8
	doctorMetricsMax = 8 << 20
)

// examineReady asks what the server says of itself, and passes every check on that fails.
func (c *cli) examineReady(ctx context.Context, cl *client.Client) []finding {
	status, _, body, err := cl.Head(ctx, "/readyz")
	name := c.t("就绪", "ready")
	if err == nil && status == http.StatusOK {
		return []finding{{Check: name, OK: true, Found: c.t("可以受理命令；消息代理、账本、投影和撮合正常", "takes commands; broker, ledgers, read models and matcher are well")}}
	}
	var answer struct {
		Checks map[string]string `json:"checks"`
	}
	wait := c.t("启动时请稍候；持续如此请看服务日志", "wait while it starts; if it stays so, read the server's log")
	if err != nil || json.Unmarshal(body, &answer) != nil || len(answer.Checks) == 0 {
		return []finding{{Check: name, Found: fmt.Sprintf("%d %.300s", status, body), Advice: wait}}
	}
	var out []finding
	for check, word := range answer.Checks {
		if word == "ok" {
			continue
		}
		advice := wait
		switch {
		case strings.Contains(word, "--max-disk"):
			advice = c.t("腾出磁盘，加大 --max-disk 后重启", "free disk, and start again with a larger --max-disk")
		case check == "broker" || strings.Contains(word, "canary"):
			advice = c.t("检查消息代理及其磁盘、网络", "look at the broker, its disk and the network")
		case check == "store":
			advice = c.t("检查 Redis；投影可由 jieli rebuild 重建", "look at Redis; jieli rebuild makes read models anew")
		case word == "failed":
			advice = c.t("用运营方令牌（--token-file）可看到原因", "the operator's token (--token-file) shows why")
		}
		out = append(out, finding{Check: name, Found: check + ": " + word, Advice: advice})
	}
	slices.SortFunc(out, func(a, b finding) int { return strings.Compare(a.Found, b.Found) })
	return out
}

// examineMetrics reads the numbers that have a bound: lag, streams' sizes, connections, dead letters.
func (c *cli) examineMetrics(ctx context.Context, cl *client.Client) []finding {
	status, _, body, err := cl.Head(ctx, "/metrics")
	if err != nil || status != http.StatusOK || len(body) > doctorMetricsMax {
		return []finding{{Check: c.t("指标", "metrics"), Found: fmt.Sprintf("%d %v", status, err), Advice: c.t("检查 --server", "check --server")}}
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return []finding{{Check: c.t("指标", "metrics"), Found: err.Error(), Advice: c.t("检查 --server", "check --server")}}
	}
	var worst, behind float64
	slowest := ""
	for _, m := range families["jieli_follower_lag_seconds"].GetMetric() {
		if v := m.GetGauge().GetValue(); v >= worst {
			worst, slowest = v, label(m, "follower")+" "+label(m, "name")
		}
	}
	for _, m := range families["jieli_follower_lag_messages"].GetMetric() {
		behind += m.GetGauge().GetValue()
	}
	lag := finding{Check: c.t("滞后", "lag"), OK: worst <= lagSecondsMax, Found: fmt.Sprintf(c.t("共 %.0f 条未读，最久 %.1f 秒（%s）", "%.0f messages unread, the oldest %.1f s (%s)"), behind, worst, slowest),
		Advice: c.t("看该服务的日志；派生数据可由 jieli rebuild 重建", "read the log of that service; jieli rebuild makes derived data anew")}

	limits := make(map[string]float64)
	for _, m := range families["jieli_stream_limit_bytes"].GetMetric() {
		limits[label(m, "stream")] = m.GetGauge().GetValue()
	}
	use, fullest := 0.0, ""
	for _, m := range families["jieli_stream_bytes"].GetMetric() {
		name := label(m, "stream")
		if limit := limits[name]; limit > 0 && name != "AUDIT" && name != "CANARY" && m.GetGauge().GetValue()/limit >= use {
			use, fullest = m.GetGauge().GetValue()/limit, name
		}
	}
	streams := finding{Check: c.t("消息流", "streams"), OK: use <= streamUseMax, Found: fmt.Sprintf(c.t("最满的 %s 已用 %.1f%%", "the fullest, %s, is at %.1f %%"), fullest, 100*use),
		Advice: c.t("加大 --max-disk 后重启；满后命令会被拒绝", "start again with a larger --max-disk; a full ledger refuses commands")}

	if fullest == "" {
		streams.Found = c.t("没有设上限", "no limits are set")
	}
	out := []finding{lag, streams}
	for _, m := range families["jieli_broker_connected"].GetMetric() {
		if m.GetGauge().GetValue() == 0 {
			out = append(out, finding{Check: c.t("消息代理", "broker"), Found: fmt.Sprintf(c.t("连接 %s 已断开", "the connection %s is down"), label(m, "connection")),
				Advice: c.t("检查消息代理和网络", "look at the broker and the network")})
		}
	}
	for _, m := range families["jieli_stream_messages"].GetMetric() {
		if n := m.GetGauge().GetValue(); n > 0 && label(m, "stream") == "DEADLETTER" {
			out = append(out, finding{Check: c.t("死信", "dead letters"), Found: fmt.Sprintf(c.t("%.0f 条", "%.0f"), n), Advice: "jieli deadletter list"})
		}
	}
	return out
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
