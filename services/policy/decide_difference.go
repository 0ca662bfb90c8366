package policy

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jieli-bus/jieli/events"
)

// Bounds of what an event lists.
const (
	changesMax = 256 // differences
	valueMax   = 500 // characters of a value, as the schema has it
)

// names are the fields by which a member of a list is told from the others, the first that it has.
var names = []string{"code", "kind", "category", "clause", "id", "title", "name"}

// Differences lists the values in which two rule files differ, in the order of their paths. What identifies a file (its id, days, source
// and summary) is no difference of the rule. The members of a list are compared by their code, where each has one, else by their place.
func Differences(before, after string) []events.RuleChange {
	x, errX := decoded(before)
	y, errY := decoded(after)
	if errX != nil || errY != nil {
		return nil
	}
	for _, field := range []string{"id", "effective_from", "effective_to", "document", "confidence", "summary"} {
		delete(x, field)
		delete(y, field)
	}
	var list []events.RuleChange
	differ("", x, y, &list)
	slices.SortFunc(list, func(a, b events.RuleChange) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

func differ(path string, x, y any, list *[]events.RuleChange) {
	if reflect.DeepEqual(x, y) {
		return
	}
	if a, ok := members(x); ok {
		if b, ok := members(y); ok {
			for name := range both(a, b) {
				differ(path+"/"+escaped(name), a[name], b[name], list)
			}
			return
		}
	}
	change := events.RuleChange{Path: cut(path, valueMax)}
	if x != nil {
		change.Before = text(x)
	}
	if y != nil {
		change.After = text(y)
	}
	*list = append(*list, change)
}

// members are the parts of an object, or of a list whose members have names of their own or are objects.
func members(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true
	case []any:
		return named(v)
	}
	return nil, false
}

func named(list []any) (map[string]any, bool) {
	out := make(map[string]any, len(list))
	for i, v := range list {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, false // of plain values the whole list is the value
		}
		name := nameOf(object)
		if name == "" || out[name] != nil {
			name = strconv.Itoa(i)
		}
		out[name] = v
	}
	return out, len(list) > 0
}

// nameOf is what tells a member of a list from the others; for a gate of bonds that is its kind of issuer and its venue.
func nameOf(object map[string]any) string {
	if kind, ok := object["issuer_kind"].(string); ok {
		venue, _ := object["venue"].(string)
		return kind + "@" + venue
	}
	for _, field := range names {
		if s, ok := object[field].(string); ok {
			return s
		}
	}
	return ""
}

func both(a, b map[string]any) map[string]struct{} {
	out := make(map[string]struct{}, len(a)+len(b))
	for name := range maps.Keys(a) {
		out[name] = struct{}{}
	}
	for name := range maps.Keys(b) {
		out[name] = struct{}{}
	}
	return out
}

func escaped(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func cut(s string, characters int) string {
	if utf8.RuneCountInString(s) <= characters {
		return s
	}
	return string([]rune(s)[:characters-1]) + "…"
}

// Value is the value at a path of Differences in a rule file, as JSON; false where there is none.
func Value(content, path string) (string, bool) {
	object, err := decoded(content)
	if err != nil {
		return "", false
	}
	var at any = object
	for _, name := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		parts, ok := members(at)
		if !ok {
			return "", false
		}
		if at, ok = parts[strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")]; !ok {
			return "", false
		}
	}
	return text(at), true
}
