package events

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of what RuleChanged lists, as its schema has them.
const (
	RuleChangesMax = 256 // differences
	ruleValueMax   = 500 // characters of a value
)

// ruleNames are the fields by which a member of a list is told from the others, the first that it has.
var ruleNames = []string{"code", "kind", "category", "clause", "id", "title", "name"}

// RuleDifferences lists the values in which two rule files differ, in the order of their paths. What identifies a file (its id, days, source
// and summary) is no difference of the rule. The members of a list are compared by their code, where each has one, else by their place.
func RuleDifferences(before, after string) []RuleChange {
	x, errX := decodedRule(before)
	y, errY := decodedRule(after)
	if errX != nil || errY != nil {
		return nil
	}
	for _, field := range []string{"id", "effective_from", "effective_to", "document", "confidence", "summary"} {
		delete(x, field)
		delete(y, field)
	}
	var list []RuleChange
	differRules("", x, y, &list)
	slices.SortFunc(list, func(a, b RuleChange) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

func differRules(path string, x, y any, list *[]RuleChange) {
	if reflect.DeepEqual(x, y) {
		return
	}
	if a, ok := ruleMembers(x); ok {
		if b, ok := ruleMembers(y); ok {
			for name := range eitherName(a, b) {
				differRules(path+"/"+pointerToken(name), a[name], b[name], list)
			}
			return
		}
	}
	change := RuleChange{Path: cutText(path, ruleValueMax)}
	if x != nil {
		change.Before = ruleText(x)
	}
	if y != nil {
		change.After = ruleText(y)
	}
	*list = append(*list, change)
}

// ruleMembers are the parts of an object, or of a list whose members have names of their own or are objects.
func ruleMembers(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true
	case []any:
		return namedRules(v)
	}
	return nil, false
}

func namedRules(list []any) (map[string]any, bool) {
	out := make(map[string]any, len(list))
	for i, v := range list {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, false // of plain values the whole list is the value
		}
		name := ruleName(object)
		if name == "" || out[name] != nil {
			name = strconv.Itoa(i)
		}
		out[name] = v
	}
	return out, len(list) > 0
}

// ruleName is what tells a member of a list from the others; for a gate of bonds that is its kind of issuer and its venue.
func ruleName(object map[string]any) string {
	if kind, ok := object["issuer_kind"].(string); ok {
		venue, _ := object["venue"].(string)
		return kind + "@" + venue
	}
	for _, field := range ruleNames {
		if s, ok := object[field].(string); ok {
			return s
		}
	}
	return ""
}

func eitherName(a, b map[string]any) map[string]struct{} {
	out := make(map[string]struct{}, len(a)+len(b))
	for name := range maps.Keys(a) {
		out[name] = struct{}{}
	}
	for name := range maps.Keys(b) {
		out[name] = struct{}{}
	}
	return out
}

func pointerToken(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func cutText(s string, characters int) string {
	if utf8.RuneCountInString(s) <= characters {
		return s
	}
	return string([]rune(s)[:characters-1]) + "…"
}

// RuleValue is the value at a path of RuleDifferences in a rule file, as JSON; false where there is none.
func RuleValue(content, path string) (string, bool) {
	object, err := decodedRule(content)
	if err != nil {
		return "", false
	}
	var at any = object
	for _, name := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		parts, ok := ruleMembers(at)
		if !ok {
			return "", false
		}
		if at, ok = parts[strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")]; !ok {
			return "", false
		}
	}
	return ruleText(at), true
}

func decodedRule(content string) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(content))
	d.UseNumber()
	var v map[string]any
	err := d.Decode(&v)
	return v, err
}

func ruleText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "" // cannot be: it was decoded from JSON
	}
	return cutText(strings.TrimSpace(b.String()), ruleValueMax)
}
