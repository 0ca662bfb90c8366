package portal

import (
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// What the API reference says of the portal's routes.

var refusesRanking = []events.ProblemKind{events.ErrID, events.ErrNotFound, events.ErrState, events.ErrStale, events.ErrEpoch, events.ErrTooMany}

var matchDoc = webapi.Doc{
	ID: "recommendations", Summary: webapi.Text{ZH: "撮合推荐", EN: "Recommendations"},
	About: webapi.Text{ZH: "按当前的全部有效供给重新排序，列出最合适的若干项及理由；recorded 为账本中的推荐。排序不是信用评分。",
		EN: "A fresh ranking over all live offers, the best ones with their reasons; recorded is the recommendation in the ledger. The score orders matches; it is not a credit score."},
	Query: []webapi.Param{
		limitQuery, epochQuery, webapi.LangQuery, webapi.PositionQuery,
	},
	Headers: webapi.AskHeaders(), Answers: webapi.ReadAnswers(webapi.Text{ZH: "排序", EN: "the ranking"}, nil), Refuses: refusesRanking,
}

var explainDoc = webapi.Doc{
	ID: "explain", Summary: webapi.Text{ZH: "说明一项供给为何合适或不合适", EN: "Explain one offer"},
	About:   webapi.Text{ZH: "逐条给出准入条件是否满足，以及构成得分的各项整数。", EN: "Clause by clause whether it holds, and the integer terms whose sum is the score."},
	Query:   []webapi.Param{epochQuery, webapi.LangQuery, webapi.PositionQuery},
	Path:    []webapi.Param{{Name: "offer", About: webapi.Text{ZH: "资金供给编号", EN: "id of the offer"}, Example: "offer-1"}},
	Headers: webapi.AskHeaders(), Answers: webapi.ReadAnswers(webapi.Text{ZH: "说明", EN: "the explanation"}, nil), Refuses: refusesRanking,
}

var (
	limitQuery = webapi.Param{Name: "limit", About: webapi.Text{ZH: "至多几项，缺省 20", EN: "how many at most, 20 when not given"}, Type: "integer", Min: 1, Max: MatchLimitMax, Example: "20"}
	epochQuery = webapi.Param{Name: "epoch", About: webapi.Text{ZH: "所持位置所属的账本世代，取自先前应答的 epoch；与现在的不同则拒绝", EN: "the epoch of an earlier answer, to which the positions held belong; refused when it is another"}, Example: "9f86d081884c7d65"}
)

var nearMissesDoc = webapi.Doc{
	ID: "near_misses", Summary: webapi.Text{ZH: "差一步的产品", EN: "Near-misses"},
	About: webapi.Text{ZH: "只差一项公开条件的产品，最近的在前，以及能补上这一步的最小改变；照此改变即符合。不公开的条件不在其中。",
		EN: "Offers that fail one public condition alone, nearest first, each with the smallest change that mends it; changed so, it matches. Private conditions are not among them."},
	Query:   []webapi.Param{limitQuery, epochQuery, webapi.LangQuery, webapi.PositionQuery},
	Headers: webapi.AskHeaders(), Answers: webapi.ReadAnswers(webapi.Text{ZH: "差一步的产品", EN: "the near-misses"}, nil), Refuses: refusesRanking,
}

var leadsDoc = webapi.Doc{
	ID: "leads", Tag: "offers", Summary: webapi.Text{ZH: "商机", EN: "Leads"},
	About: webapi.Text{ZH: "与该产品最匹配的未结需求及理由，不含不公开的需求。运营方和产品所属机构可以查询。",
		EN: "The open demands that the offer fits best, with their reasons, without those that keep to themselves. For the operator and the offer's own party."},
	Query:   []webapi.Param{limitQuery, epochQuery, webapi.LangQuery, webapi.PositionQuery},
	Headers: webapi.AskHeaders(), Answers: webapi.ReadAnswers(webapi.Text{ZH: "商机", EN: "the leads"}, nil), Refuses: refusesRanking,
}

var draftDoc = webapi.Doc{
	ID: "draft", Tag: "demands", Summary: webapi.Text{ZH: "试撮合", EN: "Try a demand that is not published"},
	About: webapi.Text{ZH: "内容与发布需求的命令相同。只按公开条件判断，给出最合适的产品、各步可多得多少产品，以及哪项条件去掉了多少；只留下一个计数。",
		EN: "The content is that of the command that publishes a demand. Judged by public conditions only: the best offers, how many more each step opens, and which condition took how many away. Only a count is kept."},
	Query:   []webapi.Param{limitQuery, webapi.LangQuery},
	Headers: webapi.AskHeaders()[2:],
	Body:    []webapi.Body{{ContentType: "application/json", Command: events.TypePublishDemand}},
	Answers: []webapi.Answer{{Status: 200, About: webapi.Text{ZH: "试撮合结果", EN: "what it would find"}, ContentType: "application/json"}},
	Refuses: append([]events.ProblemKind{events.ErrTooMany}, draftRefusals...),
}

// draftRefusals are the refusals of a publication that a draft meets too.
var draftRefusals = []events.ProblemKind{
	events.ErrTooLarge, events.ErrSchema, events.ErrID, events.ErrNotFound, events.ErrState, events.ErrRange, events.ErrMoney, events.ErrCurrency, events.ErrCode,
	events.ErrRegion, events.ErrIndustry, events.ErrValidity,
}

var blockedDoc = webapi.Doc{
	ID: "blocked", Tag: "insight", Summary: webapi.Text{ZH: "哪项条件挡住了多少需求", EN: "Which condition blocks how many demands"},
	About: webapi.Text{ZH: "对没有任何合适产品的未结需求，按省份和行业门类统计：去掉哪一项条件就能匹配。少于 5 的格并入合计；不公开的条件只计总数。",
		EN: "Of open demands that no offer fits, by province and industry section: which condition alone stands between. Cells below 5 go into the rest; private conditions are counted in total only."},
	Query:   []webapi.Param{{Name: "region", About: webapi.Text{ZH: "只看此省份", EN: "only this province"}, Example: "440000"}},
	Answers: []webapi.Answer{{Status: 200, About: webapi.Text{ZH: "统计", EN: "the counts"}, ContentType: "application/json"}}, Refuses: []events.ProblemKind{events.ErrRegion},
}

var stackDoc = webapi.Doc{
	ID: "stack", Summary: webapi.Text{ZH: "组合融资：几项供给合起来满足需求", EN: "Several offers that together cover a demand"},
	About: webapi.Text{ZH: "在至多 64 项候选、4 层之内精确求解：先看覆盖的金额，再看按金额加权的匹配度，最后看成本。各层附中英文理由和搭配规则。只是建议，不预留额度。",
		EN: "Exact over at most 64 candidates and 4 layers: the most money first, then the most score by amount, then the least cost. Each layer has its reasons in both languages and the rules by which it goes with the others. A proposal: nothing is reserved."},
	Query:   []webapi.Param{webapi.LangQuery, webapi.PositionQuery},
	Headers: webapi.ReadHeaders(), Answers: webapi.ReadAnswers(webapi.Text{ZH: "组合", EN: "the stack"}, nil), Refuses: refusesRanking,
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

const exampleEvent = `{"specversion":"1.0","id":"0190d3a4-0000-7000-8000-000000000001","source":"/parties/bank-1","type":"jieli.offer.pause.v1","subject":"offer-1",` +
	`"datacontenttype":"application/json","data":{"reason":"额度调整"}}`

var eventSchema = map[string]any{
	"type": "object", "required": []any{"specversion", "id", "source", "type", "subject"},
	"description": "CloudEvents 1.0 的 JSON 格式。 The JSON format of CloudEvents 1.0.",
	"properties": map[string]any{
		"specversion":     map[string]any{"const": "1.0"},
		"id":              map[string]any{"type": "string", "minLength": 1, "maxLength": 200, "description": "命令编号：UUIDv7，或自定的键。 The command's id: a UUIDv7, or a key of one's own."},
		"source":          map[string]any{"type": "string", "description": "来源；机构须为 /parties/<编号> 或其下级。 The source; a party's is /parties/<id> or below it."},
		"type":            map[string]any{"type": "string", "description": "命令类型。 The command's type."},
		"subject":         map[string]any{"type": "string", "pattern": "^[A-Za-z0-9_~:-]{1,64}$", "description": "对象编号。 The entity's id."},
		"datacontenttype": map[string]any{"const": "application/json"},
		"dataschema":      map[string]any{"type": "string"},
		"time":            map[string]any{"type": "string", "format": "date-time"},
		"data":            map[string]any{"description": "内容，按类型的契约。 The payload, after its type's contract."},
	},
	"additionalProperties": true, // extensions
}

var eventsDoc = webapi.Doc{
	ID: "events", Tag: "events", Summary: webapi.Text{ZH: "以 CloudEvents 发出命令", EN: "Give commands as CloudEvents"},
	About: webapi.Text{ZH: "CloudEvents HTTP 绑定的三种模式：二进制（ce- 报文头）、结构化、批量（至多 256 个、4 MiB）。与经 NATS 发送的是同样的命令。批量逐个受理，没有整体事务；关于同一对象的命令按顺序执行，每个事件在 results 中按顺序有一项结果，只要有一个被拒绝即应答 207。",
		EN: "The three modes of the CloudEvents HTTP binding: binary (ce- headers), structured, and batch (at most 256 events, 4 MiB). They are the commands that go over NATS. " +
			"A batch is no transaction: each event is accepted or refused by itself, those about one entity in their order; results has one item for each, in order, and the answer is 207 when any was refused."},
	Headers: []webapi.Param{
		{Name: "ce-id", About: webapi.Text{ZH: "二进制模式的属性；其余属性同样以 ce- 开头", EN: "an attribute in binary mode; the others begin with ce- as well"}, Example: "0190d3a4-0000-7000-8000-000000000001"},
		{Name: webapi.HeaderActor, About: webapi.Text{ZH: "操作人；也可用扩展属性 actor", EN: "who gives the commands; the extension attribute actor does the same"}, Example: "operator"},
	},
	Body: []webapi.Body{
		{ContentType: events.ContentTypeEvent, Schema: eventSchema, Examples: map[string][]byte{"pause": []byte(exampleEvent)}},
		{ContentType: events.ContentTypeBatch, Schema: map[string]any{"type": "array", "maxItems": BatchEventsMax, "items": eventSchema}, Examples: map[string][]byte{"one": []byte("[" + exampleEvent + "]")}},
		{ContentType: "application/json", Schema: map[string]any{"type": "object", "description": "二进制模式：内容即命令的内容。 Binary mode: the content is the payload."}, Examples: map[string][]byte{"pause": []byte(`{"reason":"额度调整"}`)}},
	},
	Answers: []webapi.Answer{
		{Status: 200, About: webapi.Text{ZH: "已接受并落盘：单个事件为其结果，批量为 results", EN: "accepted and on disk: of one event its answer, of a batch its results"}, ContentType: "application/json",
			Schema: map[string]any{"oneOf": []any{map[string]any{"$ref": "#/components/schemas/events.Answer"}, batchSchema}}, Headers: []webapi.Param{webapi.PositionAnswer}},
		{Status: 207, About: webapi.Text{ZH: "批量中有被拒绝的", EN: "some of the batch were refused"}, ContentType: "application/json", Schema: batchSchema},
	},
	Refuses: webapi.CommandRefusals(),
}

var batchSchema = map[string]any{"type": "object", "required": []any{"results"}, "properties": map[string]any{"results": map[string]any{
	"type": "array", "items": map[string]any{"type": "object", "required": []any{"status"}, "properties": map[string]any{
		"status":  map[string]any{"type": "integer", "description": "单独发送时的状态码。 The status it would have had alone."},
		"answer":  map[string]any{"$ref": "#/components/schemas/events.Answer"},
		"problem": map[string]any{"$ref": "#/components/schemas/events.Problem"},
	}}}}}
