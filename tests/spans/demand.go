package spans

import (
	"slices"
	"strings"
	"testing"
)

// wanted is the way of one demand: from the request through the ledger to a recommendation in a department's view. Each step names the
// one it happened below.
var wanted = []struct{ name, service, below string }{
	{"POST /v1/demands", "jieli-portal", ""},
	{"demand.publish", "jieli-demand", "POST /v1/demands"},
	{"prepare", "jieli-demand", "demand.publish"},
	{"commit", "jieli-demand", "demand.publish"},
	{"relay demand.published", "jieli-demand", "demand.publish"},
	{"project demand.published", "jieli-demand", "demand.publish"},
	{"view pboc demand.published", "jieli-sharing", "demand.publish"},
	{"match demand.published", "jieli-matcher", "demand.publish"},
	{"rank", "jieli-matcher", "match demand.published"},
	{"match.recommend", "jieli-matcher", "match demand.published"},
	{"commit", "jieli-matcher", "match.recommend"},
	{"relay match.recommended", "jieli-matcher", "match.recommend"},
	{"view pboc match.recommended", "jieli-sharing", "match.recommend"},
}

// Demand reports whether everything of a traced demand is there.
func Demand(list []Span) bool {
	return len(missing(list)) == 0
}

func missing(list []Span) []string {
	var out []string
	names := make(map[string]string) // by id
	for _, s := range list {
		names[s.ID] = s.Name
	}
	for _, w := range wanted {
		if !slices.ContainsFunc(list, func(s Span) bool {
			return s.Name == w.name && s.Service == w.service && (w.below == "" || names[s.Parent] == w.below)
		}) {
			out = append(out, w.service+": "+w.name+" below "+w.below)
		}
	}
	return out
}

// CheckDemand holds the trace of one demand to what it must show: every step below the one that caused it and in order of time, the
// recommendation linked to the event that it follows from, and no step that failed.
func CheckDemand(t testing.TB, list []Span) {
	t.Helper()
	if m := missing(list); len(m) > 0 {
		t.Errorf("the trace lacks:\n  %s", strings.Join(m, "\n  "))
	}
	byID := make(map[string]Span)
	for _, s := range list {
		byID[s.ID] = s
	}
	for _, s := range list {
		if s.Took() < 0 || s.Failed != "" {
			t.Errorf("%s took %s, failed %q", s.Name, s.Took(), s.Failed)
		}
		if above, ok := byID[s.Parent]; ok && s.Begun.Before(above.Begun) {
			t.Errorf("%s begins before %s", s.Name, above.Name)
		}
		if s.Name == "match demand.published" {
			if len(s.Links) != 1 || byID[s.Links[0]].Name != "demand.publish" || s.Attributes["jieli.causation"] == "" {
				t.Errorf("the matching does not name its cause: links %v, attributes %v", s.Links, s.Attributes)
			}
		}
	}
}
