package events

import (
	"mime"
	"net/http"
	"strings"

	"github.com/nats-io/nats.go"
)

// FromHTTP reads the one event of an HTTP message after the HTTP protocol binding of CloudEvents: binary mode (ce- headers, the content
// type is the data's) or structured mode (application/cloudevents+json). It refuses what FromMsg refuses. Headers that are not the
// event's are left alone. Data is shared with body.
func FromHTTP(h http.Header, body []byte) (Event, error) {
	mine := make(nats.Header, 8)
	for name, values := range h {
		if lower := lowerASCII(name); lower == contentType || strings.HasPrefix(lower, attributePrefix) {
			mine[lower] = append(mine[lower], values...)
		}
	}
	if len(mine) == 0 {
		return Event{}, ErrHeader.Refuse(contentType, "须为 CloudEvents 的二进制或结构化模式", "the message must be a CloudEvent in binary or structured mode")
	}
	if len(mine[contentType]) == 1 && mine[contentType][0] == "" {
		return Event{}, ErrHeader.Refuse(contentType, "内容类型为空", "the content type is empty")
	}
	if kind, params, err := mime.ParseMediaType(h.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "application/cloudevents") {
		if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
			return Event{}, ErrEncoding.Refuse(contentType, "字符集须为 utf-8", "the charset must be utf-8")
		}
	}
	return FromMsg(&nats.Msg{Header: mine, Data: body})
}
