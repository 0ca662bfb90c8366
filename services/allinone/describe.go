package allinone

import (
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// What the API reference says of the operator's routes.

var progressAnswer = []webapi.Answer{{Status: 200, ContentType: "application/x-ndjson",
	About: webapi.Text{ZH: "每行一个 JSON：进度，最后一行为结果", EN: "a JSON value a line: progress, and the outcome last"}}}

var verifyDoc = webapi.Doc{
	ID: "verify", Tag: "system", Summary: webapi.Text{ZH: "核验账本与一切派生数据", EN: "Verify the ledgers and all that is derived"},
	About:   webapi.Text{ZH: "从账本重新推导，与事件流、视图和读模型逐一比较。", EN: "Folds the ledgers again and compares events, views and read models with what follows from them."},
	Answers: progressAnswer, Refuses: []events.ProblemKind{events.ErrTooLarge},
}

var backupDoc = webapi.Doc{
	ID: "backup", Tag: "system", Summary: webapi.Text{ZH: "备份账本与联系信息", EN: "Back the ledgers and contacts up"},
	About: webapi.Text{ZH: "系统照常运行；gzip 压缩的 tar，末项 SHA256SUMS 表示完整。只有运营方可以请求。",
		EN: "While the system goes on: a gzipped tar whose last entry SHA256SUMS says that it is whole. For the operator alone."},
	Answers: []webapi.Answer{{Status: 200, About: webapi.Text{ZH: "备份文件", EN: "the backup"}, ContentType: "application/gzip", Schema: map[string]any{"type": "string", "contentMediaType": "application/gzip"}}},
	Refuses: []events.ProblemKind{events.ErrTooLarge},
}

var rebuildDoc = webapi.Doc{
	ID: "rebuild", Tag: "system", Summary: webapi.Text{ZH: "重建派生数据", EN: "Rebuild what is derived"},
	About: webapi.Text{ZH: "删除所选的派生数据，并由账本重新生成。", EN: "Deletes the parts chosen and makes them again from the ledgers."},
	Body: []webapi.Body{{ContentType: "application/json", Examples: map[string][]byte{"all": []byte(`{"events":true,"views":true,"projections":true}`)},
		Schema: map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{
			"events": map[string]any{"type": "boolean"}, "views": map[string]any{"type": "boolean"}, "projections": map[string]any{"type": "boolean"}}}}},
	Answers: progressAnswer,
}

var partyRefusals = []events.ProblemKind{events.ErrID, events.ErrNotFound, events.ErrExists, events.ErrTooLarge}

var credentialsDoc = webapi.Doc{
	ID: "party.credentials", Tag: "parties", Summary: webapi.Text{ZH: "发给机构凭证", EN: "Give a party credentials"},
	About: webapi.Text{ZH: "HTTP 令牌与消息服务的用户；再次请求得到同样的凭证，renew 换发新的。只有运营方可以请求。",
		EN: "A token for HTTP and a user of the broker; asked again, the same ones; renew makes new ones. For the operator alone."},
	Body: []webapi.Body{{ContentType: "application/json", Optional: true, Examples: map[string][]byte{"renew": []byte(`{"renew":true}`)},
		Schema: map[string]any{"type": "object", "properties": map[string]any{"renew": map[string]any{"type": "boolean"}}}}},
	Answers: []webapi.Answer{{Status: 200, About: webapi.Text{ZH: "凭证", EN: "the credentials"}, ContentType: "application/json", Value: PartyCredentials{}}},
	Refuses: partyRefusals,
}

var endCredentialsDoc = webapi.Doc{
	ID: "party.credentials.end", Tag: "parties", Summary: webapi.Text{ZH: "收回机构的凭证", EN: "End a party's credentials"},
	About: webapi.Text{ZH: "令牌与消息服务的用户随即失效。只有运营方可以请求。", EN: "Token and broker user end at once. For the operator alone."},
	Answers: []webapi.Answer{{Status: 200, About: webapi.Text{ZH: "已收回", EN: "ended"}, ContentType: "application/json",
		Schema: map[string]any{"type": "object", "properties": map[string]any{"party": map[string]any{"type": "string"}, "revoked": map[string]any{"type": "boolean"}}}}},
	Refuses: partyRefusals,
}
