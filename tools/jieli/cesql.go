package main

import (
	"fmt"
	"strings"
	"unicode"

	cesql "github.com/cloudevents/sdk-go/sql/v2"
	cesqlparser "github.com/cloudevents/sdk-go/sql/v2/parser"
	"github.com/cloudevents/sdk-go/v2/event"
)

// Bounds of a filter: the parser recurses and panics on some bad input.
const (
	filterBytesMax = 4 << 10
	filterDepthMax = 64
)

// filter is a parsed CESQL expression (CloudEvents SQL 1.0).
type filter struct{ expression cesql.Expression }

func parseFilter(text string) (f *filter, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, badFilter(fmt.Sprint(p))
		}
	}()
	depth, deepest := 0, 0
	for _, r := range text {
		switch r {
		case '(':
			depth++
			deepest = max(deepest, depth)
		case ')':
			depth--
		}
	}
	switch {
	case strings.ContainsFunc(text, unicode.IsControl):
		return nil, badFilter("control characters")
	case len(text) > filterBytesMax:
		return nil, badFilter(fmt.Sprintf("over %d bytes", filterBytesMax))
	case deepest > filterDepthMax || strings.Count(strings.ToUpper(text), "NOT") > filterDepthMax || strings.Count(text, "-") > filterDepthMax:
		return nil, badFilter(fmt.Sprintf("nested deeper than %d", filterDepthMax))
	}
	expression, err := cesqlparser.Parse(text)
	if err != nil {
		return nil, badFilter(err.Error())
	}
	return &filter{expression}, nil
}

func badFilter(why string) error {
	return usage("--filter 不是合法的 CESQL："+why, "--filter is no valid CESQL: "+why)
}

// passes evaluates the filter on a structured CloudEvent. An expression that fails on an event, or gives no boolean, does not
// pass it: an attribute may be missing on some types only.
func (f *filter) passes(structured []byte) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	var e event.Event
	if err := e.UnmarshalJSON(structured); err != nil {
		return false
	}
	value, err := f.expression.Evaluate(e)
	if err != nil {
		return false
	}
	pass, _ := value.(bool)
	return pass
}
