package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// metrics reads /metrics: by name, every combination of labels there is.
func (s *system) metrics() map[string][]map[string]string {
	s.t.Helper()
	_, _, body := s.call("GET", "/metrics", nil)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	out := make(map[string][]map[string]string)
	for name, f := range families {
		for _, m := range f.Metric {
			labels := make(map[string]string)
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			if m.Histogram != nil {
				withLE := map[string]string{"le": "1"}
				for k, v := range labels {
					withLE[k] = v
				}
				out[name+"_bucket"] = append(out[name+"_bucket"], withLE)
				out[name+"_sum"] = append(out[name+"_sum"], labels)
				out[name+"_count"] = append(out[name+"_count"], labels)
			} else {
				out[name] = append(out[name], labels)
			}
		}
	}
	return out
}

var (
	metricName = regexp.MustCompile(`\b((?:jieli|process|go)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping   = regexp.MustCompile(`\bby \(([^)]*)\)`)
	template   = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`)
)

// given by whoever scrapes, not by the process.
var scraped = []string{"instance", "job"}

// lacks lists what an expression names and the system does not have. legends are texts with labels in them.
func lacks(have map[string][]map[string]string, expr string, legends ...string) []string {
	var out []string
	labels := make(map[string]bool) // of every metric of the expression
	for _, m := range metricName.FindAllStringSubmatch(expr, -1) {
		series := have[m[1]]
		for _, c := range matcher.FindAllStringSubmatch(m[2], -1) {
			series = slices.DeleteFunc(slices.Clone(series), func(l map[string]string) bool {
				switch c[2] {
				case "=":
					return l[c[1]] != c[3]
				case "=~":
					_, has := l[c[1]]
					return !has // the value may be one that has not happened
				}
				return false
			})
		}
		if len(series) == 0 {
			out = append(out, m[0])
			continue
		}
		for name := range series[0] {
			labels[name] = true
		}
	}
	names := grouping.FindAllStringSubmatch(expr, -1)
	for _, g := range names {
		for _, name := range strings.Split(g[1], ",") {
			if name = strings.TrimSpace(name); !labels[name] && !slices.Contains(scraped, name) {
				out = append(out, "label "+name)
			}
		}
	}
	for _, legend := range legends {
		for _, l := range template.FindAllStringSubmatch(legend, -1) {
			if !slices.ContainsFunc(names, func(g []string) bool { return strings.Contains(g[1], l[1]) }) {
				out = append(out, fmt.Sprintf("label %s of %q", l[1], legend))
			}
		}
	}
	return out
}

// TestDashboards: after some work, every metric that a dashboard or an alert names is there, with the labels it uses.
func TestDashboards(t *testing.T) {
	t.Parallel()
	s := start(t, allinone.Options{})
	s.traded()
	s.do("POST", "/v1/demands", s.demanded("demand-1"))
	s.resume("pboc", "0").await(events.TypeRecommended)
	s.refused(events.ErrSchema, "POST", "/v1/demands", map[string]any{"id": "demand-2"})
	s.call("GET", "/v1/demands/demand-1", nil)
	have := s.metrics()

	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	raw, err := os.ReadFile("../../deployments/grafana/jieli.json")
	if err == nil {
		err = json.Unmarshal(raw, &dashboard)
	}
	if err != nil || len(dashboard.Panels) == 0 {
		t.Fatalf("the dashboard has %d panels: %v", len(dashboard.Panels), err)
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			if l := lacks(have, target.Expr, target.LegendFormat); len(l) > 0 {
				t.Errorf("panel %q: %s: there is no %s", p.Title, target.Expr, strings.Join(l, ", "))
			}
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if raw, err = os.ReadFile("../../deployments/grafana/alerts.yaml"); err == nil {
		err = yaml.Unmarshal(raw, &rules)
	}
	if err != nil || len(rules.Groups) == 0 {
		t.Fatalf("the alert rules: %d groups, %v", len(rules.Groups), err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if l := lacks(have, r.Expr, r.Annotations["summary"]); len(l) > 0 {
				t.Errorf("alert %s: %s: there is no %s", r.Alert, r.Expr, strings.Join(l, ", "))
			}
			if r.Annotations["action"] == "" {
				t.Errorf("alert %s says nothing of what to do", r.Alert)
			}
		}
	}
	if l := lacks(have, `jieli_no_such_total{a="b"}`); len(l) != 1 {
		t.Errorf("a metric that is not there is missed by the check: %v", l)
	}
	for name, series := range have { // what a stranger sends must not become a label
		if strings.HasPrefix(name, "jieli_") && !strings.HasSuffix(name, "_bucket") && len(series) > 400 {
			t.Errorf("%s has %d series", name, len(series))
		}
	}
}
