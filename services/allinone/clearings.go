package allinone

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
	"github.com/jieli-bus/jieli/services/matcher"
)

var clearingsDoc = webapi.Doc{
	ID: "clearings", Tag: "demands", Summary: webapi.Text{ZH: "批量撮合：为一批需求给出总匹配度最高的分配", EN: "Clear a batch: the assignment of demands to offers with the largest total score"},
	About: webapi.Text{ZH: "按地区和行业选出未结需求（至多 500 个），每个需求至多得到一项供给。答复含整批数据、分配和对偶价格证书，可用 jieli clear --check 独立核验；gap 为与上界的差，0 为最优。只是建议，不预留额度。",
		EN: "Chooses open demands by region and industry (at most 500); each gets one offer at most. The answer has the batch, the assignment and a certificate of dual prices, which jieli clear --check verifies on its own; gap is the distance to the bound, 0 is the best there is. A proposal: nothing is reserved."},
	Body: []webapi.Body{{ContentType: "application/json", Examples: map[string][]byte{"zhejiang": []byte(`{"region":"330000","industry":"I65","per_offer":10}`)},
		Schema: map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{
			"region": map[string]any{"type": "string"}, "industry": map[string]any{"type": "string"}, "per_offer": map[string]any{"type": "integer", "minimum": 1, "maximum": 1000}}}}},
	Answers: []webapi.Answer{{Status: http.StatusOK, About: webapi.Text{ZH: "分配与证书", EN: "the assignment with its certificate"}, ContentType: "application/json"}},
	Refuses: []events.ProblemKind{events.ErrMalformed, events.ErrTooLarge, events.ErrRegion, events.ErrIndustry, events.ErrRange, events.ErrStale},
}

// handleClearings answers POST /v1/clearings.
func (s *System) handleClearings(w http.ResponseWriter, r *http.Request) error {
	var ask matcher.ClearingAsk
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&ask); err != nil && !errors.Is(err, io.EOF) { // nothing asks for everything
		return events.ErrMalformed.Refuse("", `请求内容应为 {"region":"330000","industry":"I65","per_offer":10} 之类`, `the body must be like {"region":"330000","industry":"I65","per_offer":10}`)
	}
	var cleared json.RawMessage
	if err := s.ask(r.Context(), askClear, matchQuestion{Clearing: &ask}, &cleared); err != nil {
		return err
	}
	return webapi.WriteJSON(w, http.StatusOK, cleared)
}
