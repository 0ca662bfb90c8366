package allinone

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/bus"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// Bounds of a list of dead letters.
const (
	lettersLimit    = 50
	lettersLimitMax = 500
)

// letterPage is one page of dead letters, without bodies.
type letterPage struct {
	Items []bus.Letter `json:"items"`
	Next  uint64       `json:"next,omitempty"` // give it as after for the next page; absent at the end
}

var letterPath = []webapi.Param{{Name: "number", Type: "integer", Min: 1, About: webapi.Text{ZH: "死信编号", EN: "number of the dead letter"}, Example: "12", Required: true}}

var (
	lettersText = webapi.Text{ZH: "死信：处理失败而移出的消息。仅限运营方。", EN: "Dead letters: messages that were moved aside because they could not be handled. For the operator alone."}
	lettersDoc  = webapi.Doc{ID: "listDeadLetters", Tag: "system", Summary: webapi.Text{ZH: "列出死信", EN: "List dead letters"}, About: lettersText, Query: []webapi.Param{
		{Name: "after", Type: "integer", Min: 0, About: webapi.Text{ZH: "上一页的 next", EN: "next of the page before"}, Example: "12"},
		{Name: "limit", Type: "integer", Min: 1, Max: lettersLimitMax, About: webapi.Text{ZH: "条数", EN: "how many"}, Example: "50"}},
		Answers: []webapi.Answer{{Status: http.StatusOK, ContentType: "application/json", About: webapi.Text{ZH: "不含内容", EN: "without their bodies"}, Value: letterPage{}}}, Refuses: []events.ProblemKind{events.ErrMalformed}}
	letterDoc = webapi.Doc{ID: "showDeadLetter", Tag: "system", Summary: webapi.Text{ZH: "查看一封死信", EN: "Show one dead letter"}, About: lettersText, Path: letterPath,
		Answers: []webapi.Answer{{Status: http.StatusOK, ContentType: "application/json", About: webapi.Text{ZH: "含内容（base64）", EN: "with its body (base64)"}, Value: bus.Letter{}}}, Refuses: []events.ProblemKind{events.ErrNotFound}}
	redriveDoc = webapi.Doc{ID: "redriveDeadLetter", Tag: "system", Summary: webapi.Text{ZH: "重新投递一封死信", EN: "Redrive one dead letter"}, About: webapi.Text{
		ZH: "交还给放弃它的读者，成功后移出死信。", EN: "Gives it back to the reader that gave it up, and takes it out of the dead letters."}, Path: letterPath,
		Answers: []webapi.Answer{{Status: http.StatusNoContent, About: webapi.Text{ZH: "已交还", EN: "given back"}}}, Refuses: []events.ProblemKind{events.ErrNotFound, events.ErrUnavailable}}
)

// letterRoutes are the operator's way to what reactions could not handle.
func (s *System) letterRoutes() []webapi.Route {
	return []webapi.Route{
		{Pattern: "GET /v1/deadletters", Handle: s.handleLetters, Doc: &lettersDoc},
		{Pattern: "GET /v1/deadletters/{number}", Handle: s.handleLetter, Doc: &letterDoc},
		{Pattern: "POST /v1/deadletters/{number}/redrive", Handle: s.handleRedrive, Doc: &redriveDoc},
	}
}

func (s *System) handleLetters(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	limit, after := lettersLimit, uint64(0)
	var err error
	if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > lettersLimitMax {
			return events.ErrMalformed.Refusef("", "limit 须为 1 至 %d 的整数", "limit must be an integer from 1 to %d", lettersLimitMax)
		}
	}
	if text := query.Get("after"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return events.ErrMalformed.Refuse("", "after 须为死信编号", "after must be the number of a dead letter")
		}
	}
	list, err := s.letters.List(r.Context(), after, limit)
	if err != nil {
		return err
	}
	page := letterPage{Items: list}
	if len(list) == limit {
		page.Next = list[limit-1].Number
	}
	return webapi.WriteJSON(w, http.StatusOK, page)
}

func number64(r *http.Request) (uint64, error) {
	n, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil || n == 0 {
		return 0, noLetter(r)
	}
	return n, nil
}

func noLetter(r *http.Request) error {
	return events.ErrNotFound.Refusef("/number", "没有编号为 %.20q 的死信", "there is no dead letter %.20q", r.PathValue("number"))
}

func (s *System) handleLetter(w http.ResponseWriter, r *http.Request) error {
	n, err := number64(r)
	if err != nil {
		return err
	}
	letter, err := s.letters.Show(r.Context(), n)
	if errors.Is(err, bus.ErrNoLetter) {
		return noLetter(r)
	}
	if err != nil {
		return err
	}
	return webapi.WriteJSON(w, http.StatusOK, letter)
}

func (s *System) handleRedrive(w http.ResponseWriter, r *http.Request) error {
	n, err := number64(r)
	if err != nil {
		return err
	}
	switch err := s.letters.Redrive(r.Context(), n); {
	case errors.Is(err, bus.ErrNoLetter):
		return noLetter(r)
	case errors.Is(err, bus.ErrNoReader):
		return events.ErrUnavailable.Refuse("", "放弃这条消息的读者没有在运行，无法交还；请先启动它", "the reader that gave it up is not there to take it back; start it first")
	case errors.Is(err, bus.ErrNoBody):
		return events.ErrNotFound.Refuse("", "死信没有内容，原消息也已不在", "the letter has no body, and the original is gone")
	case err != nil:
		return err
	}
	s.options.Log.Info().Uint64("letter", n).Msg("dead letter redriven")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
