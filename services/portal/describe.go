package portal

import (
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// What the API reference says of the portal's routes.

var refusesRanking = []events.ProblemKind{events.ErrID, events.ErrNotFound, events.ErrState, events.ErrStale}

var matchDoc = webapi.Doc{
	ID: "recommendations", Summary: webapi.Text{ZH: "撮合推荐", EN: "Recommendations"},
	About: webapi.Text{ZH: "按当前的全部有效供给重新排序，列出最合适的若干项及理由；recorded 为账本中的推荐。排序不是信用评分。",
		EN: "A fresh ranking over all live offers, the best ones with their reasons; recorded is the recommendation in the ledger. The score orders matches; it is not a credit score."},
	Query: []webapi.Param{
		{Name: "limit", About: webapi.Text{ZH: "至多几项，缺省 20", EN: "how many at most, 20 when not given"}, Type: "integer", Min: 1, Max: MatchLimitMax, Example: "20"},
		webapi.LangQuery, webapi.PositionQuery,
	},
	Headers: webapi.ReadHeaders(), Answers: webapi.ReadAnswers(webapi.Text{ZH: "排序", EN: "the ranking"}, nil), Refuses: refusesRanking,
}

var explainDoc = webapi.Doc{
	ID: "explain", Summary: webapi.Text{ZH: "说明一项供给为何合适或不合适", EN: "Explain one offer"},
	About:   webapi.Text{ZH: "逐条给出准入条件是否满足，以及构成得分的各项整数。", EN: "Clause by clause whether it holds, and the integer terms whose sum is the score."},
	Query:   []webapi.Param{webapi.LangQuery, webapi.PositionQuery},
	Path:    []webapi.Param{{Name: "offer", About: webapi.Text{ZH: "资金供给编号", EN: "id of the offer"}, Example: "offer-1"}},
	Headers: webapi.ReadHeaders(), Answers: webapi.ReadAnswers(webapi.Text{ZH: "说明", EN: "the explanation"}, nil), Refuses: refusesRanking,
}

// doc is a description for one of the paths that share it.
func doc(d *webapi.Doc, path string) *webapi.Doc {
	c := *d
	c.ID, c.Tag = path+"."+d.ID, path
	return &c
}

var streamDoc = webapi.Doc{
	ID: "stream", Tag: "events", Summary: webapi.Text{ZH: "持续接收视图中的事件（SSE）", EN: "Follow the events of a view (server-sent events)"},
	About: webapi.Text{ZH: "每条消息的 data 为 CloudEvents JSON，id 为游标；以 Last-Event-ID 续传，0 表示从头。部门只能读取本部门的视图。",
		EN: "The data of each message is CloudEvents JSON, its id a cursor; Last-Event-ID goes on behind it, 0 begins with the oldest. A department reads its own view only."},
	Query: []webapi.Param{
		{Name: "view", About: webapi.Text{ZH: "视图：部门代码或 operator，缺省为自己的", EN: "the view: a department's id or operator; one's own when not given"}, Example: "pboc"},
		{Name: "type", About: webapi.Text{ZH: "只要这些类型的事件，可给出多个", EN: "only events of these types; several may be given"}, Example: events.TypeRecommended, Repeats: true},
		{Name: "subject", About: webapi.Text{ZH: "只要关于此对象的事件", EN: "only events about this entity"}, Example: "demand-1"},
	},
	Headers: []webapi.Param{{Name: "Last-Event-ID", About: webapi.Text{ZH: "上次收到的游标；0 表示从头；不给则只有新事件", EN: "the last cursor received; 0 for the beginning; only new events without it"}, Example: "0"}},
	Answers: []webapi.Answer{{Status: 200, About: webapi.Text{ZH: "事件流", EN: "the stream"}, ContentType: "text/event-stream"}},
	Refuses: []events.ProblemKind{events.ErrID, events.ErrNotFound, events.ErrUnknownType},
}
