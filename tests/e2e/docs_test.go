package e2e

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// Every page of the documentation, in both languages, every link followed: nothing is loaded or linked from elsewhere, nothing runs,
// and every type and every operation is there.
func TestDocumentationLoadsNothingFromElsewhere(t *testing.T) {
	s := start(t, allinone.Options{})
	c := &crawl{system: s, seen: make(map[string]bool)}
	c.follow("/docs")
	for _, e := range events.Catalog {
		for _, lang := range []string{"", "?lang=en"} {
			if !c.seen["/docs/events/"+e.Type+lang] {
				t.Errorf("no page leads to %s%s", e.Type, lang)
			}
		}
	}
	for _, page := range []string{"/docs", "/docs?lang=en", "/docs/events", "/docs/events?lang=en", "/docs/style.css", "/openapi.json", "/asyncapi.json"} {
		if !c.seen[page] {
			t.Errorf("nothing leads to %s", page)
		}
	}
	_, _, body := s.call("GET", "/docs", nil)
	for _, want := range []string{"/v1/demands/{id}/withdraw", "发布融资需求", "/v1/stream", "/v1/events", "precondition-required", "Idempotency-Key"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the reference does not have %s", want)
		}
	}
	_, _, body = s.call("GET", "/docs/events/"+events.TypeDemandPublished, nil)
	for _, want := range []string{"facts.stage", "中国人民银行", "demand-2026-0001", "class3"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the page of demand.published does not have %s", want)
		}
	}
	_, _, body = s.call("GET", "/docs/events/"+events.TypeDemandPublished+"?lang=en", nil)
	if strings.Contains(string(body), "数据分级") || !strings.Contains(string(body), "Data class") {
		t.Error("the English page is not English")
	}
	s.refused(events.ErrNotFound, "GET", "/docs/events/jieli.weather.changed.v1", nil)
	s.refused(events.ErrMalformed, "GET", "/docs?lang=fr", nil)
}

type crawl struct {
	*system
	seen map[string]bool
}

var cssLoads = regexp.MustCompile(`(?i)@import|url\s*\(`)

func (c *crawl) follow(path string) {
	path, _, _ = strings.Cut(path, "#")
	if c.seen[path] {
		return
	}
	c.seen[path] = true
	status, h, body := c.call("GET", path, nil)
	if status != 200 {
		c.t.Errorf("%s: %d %s", path, status, body)
		return
	}
	switch kind, _, _ := strings.Cut(h.Get("Content-Type"), ";"); kind {
	case "text/html":
		if policy := h.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'self'; img-src data:;") {
			c.t.Errorf("%s may load more than its style: %q", path, policy)
		}
		c.page(path, string(body))
	case "text/css":
		if cssLoads.Match(body) {
			c.t.Errorf("%s loads something", path)
		}
	}
}

// page judges every element and attribute, and follows what stays here.
func (c *crawl) page(path, body string) {
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	lang := "zh-CN"
	if strings.HasSuffix(path, "?lang=en") {
		lang = "en"
	}
	han := strings.ContainsFunc(body, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	if !han || !strings.Contains(body, `<html lang="`+lang+`">`) {
		c.t.Errorf("%s is not in %s", path, lang)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "style", "iframe", "object", "embed", "base", "form", "img", "svg":
			c.t.Errorf("%s has a %s", path, n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcset", a.Key == "background", a.Key == "src":
				c.t.Errorf("%s: %s has %s=%q", path, n.Data, a.Key, a.Val)
			case a.Key == "href":
				c.link(path, a.Val)
			}
		}
	}
}

func (c *crawl) link(path, href string) {
	if href == "data:," || strings.HasPrefix(href, "#") {
		return
	}
	u, err := url.Parse(href)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(href, "/") {
		c.t.Errorf("%s leads elsewhere: %q", path, href)
		return
	}
	c.follow(href)
}
