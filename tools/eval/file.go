package eval

import (
	"encoding/json"
	"fmt"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher/appetite"
)

// File is the dated rule file of a set that Tune made. The weights are this system's own: confidence is unconfirmed.
func File(set *appetite.Set, from events.Date, data string) ([]byte, error) {
	if _, err := from.Start(); err != nil {
		return nil, fmt.Errorf("the first day in force: %w", err)
	}
	measured := set.Measured
	measured.Data = data
	body, err := json.MarshalIndent(struct {
		ID            string              `json:"id"`
		EffectiveFrom events.Date         `json:"effective_from"`
		EffectiveTo   *events.Date        `json:"effective_to"`
		Document      string              `json:"document"`
		Confidence    string              `json:"confidence"`
		Summary       codes.Text          `json:"summary"`
		Weights       appetite.Weights    `json:"weights"`
		Parameters    appetite.Parameters `json:"parameters"`
		Measured      appetite.Measured   `json:"measured"`
	}{
		ID: "appetite." + string(from), EffectiveFrom: from, Confidence: "unconfirmed",
		Document: "本系统设定，由公开融资轮次数据拟合 (this system's own, fitted on public funding rounds)",
		Summary: codes.Text{
			Zh: "机构真实偏好的参数：已发生的结果按行业、地区、阶段、额度计数，按半衰期衰减；权重由时间在前的轮次拟合，只用训练部分。接受和拒绝各算多少是设定，数据中没有。结果只用于撮合排序，不是信用评分。",
			En: "Parameters of what institutions really do: outcomes tallied by industry, place, stage and size, losing half with each half-life; the weights are fitted on earlier rounds of the train split alone. What acceptances and refusals count is set, no data shows them. The result orders matches; it is not a credit score.",
		},
		Weights: set.Weights, Parameters: set.Parameters, Measured: measured,
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(body, '\n'), nil
}
