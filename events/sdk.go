package events

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

// ToSDK gives the event as the CloudEvents SDK has it, for everything that speaks to the outside through the SDK. Data is
// shared. The SDK keeps URIs parsed, so it may spell an unusual source differently ("a b" becomes "a%20b").
func (e *Event) ToSDK() (event.Event, error) {
	if err := e.Validate(); err != nil {
		return event.Event{}, err
	}
	source, err := url.Parse(e.Source)
	if err != nil {
		return event.Event{}, fmt.Errorf("events: source: %w", err)
	}
	c := &event.EventContextV1{ID: e.ID, Source: types.URIRef{URL: *source}, Type: e.Type}
	if e.Subject != "" {
		c.Subject = &e.Subject
	}
	if !e.Time.IsZero() {
		c.Time = &types.Timestamp{Time: e.Time.UTC()}
	}
	if e.DataContentType != "" {
		c.DataContentType = &e.DataContentType
	}
	if e.DataSchema != "" {
		schema, err := url.Parse(e.DataSchema)
		if err != nil {
			return event.Event{}, fmt.Errorf("events: dataschema: %w", err)
		}
		c.DataSchema = &types.URI{URL: *schema}
	}
	if len(e.Extensions) > 0 {
		c.Extensions = make(map[string]any, len(e.Extensions))
	}
	for _, x := range e.Extensions {
		switch x.Kind {
		case Integer:
			n, err := strconv.ParseInt(x.Value, 10, 32)
			if err != nil {
				return event.Event{}, fmt.Errorf("events: %s: %w", x.Name, err)
			}
			c.Extensions[x.Name] = int32(n)
		case Boolean:
			c.Extensions[x.Name] = x.Value == "true"
		default:
			c.Extensions[x.Name] = x.Value
		}
	}
	return event.Event{Context: c, DataEncoded: e.Data, DataBase64: e.Binary}, nil
}

// FromSDK takes an event of the SDK in, version 0.3 as 1.0, when both the SDK and Validate accept it. Data is shared. URIs,
// timestamps and binary in extensions become strings, as they do in the JSON format.
func FromSDK(in event.Event) (Event, error) {
	if err := in.Validate(); err != nil {
		return Event{}, ErrMalformed.Refuse("", "不是合法的 CloudEvents 事件", strings.TrimSpace(err.Error()))
	}
	c := in.Context.AsV1()
	e := Event{ID: c.ID, Source: c.Source.String(), Type: c.Type, Data: in.DataEncoded, Binary: in.DataBase64}
	if c.Subject != nil {
		e.Subject = *c.Subject
	}
	if c.Time != nil {
		e.Time = c.Time.UTC()
	}
	if c.DataContentType != nil {
		e.DataContentType = *c.DataContentType
	}
	if c.DataSchema != nil {
		e.DataSchema = c.DataSchema.String()
	}
	for name, value := range c.Extensions {
		text, err := types.Format(value)
		if err != nil {
			return Event{}, ErrMalformed.Refuse(name, "扩展属性的类型不正确", err.Error())
		}
		x := Extension{Name: name, Value: text}
		switch value.(type) {
		case int32:
			x.Kind = Integer
		case bool:
			x.Kind = Boolean
		}
		e.Extensions = append(e.Extensions, x)
	}
	slices.SortFunc(e.Extensions, func(a, b Extension) int { return strings.Compare(a.Name, b.Name) })
	if err := e.Validate(); err != nil {
		return Event{}, err
	}
	return e, nil
}
