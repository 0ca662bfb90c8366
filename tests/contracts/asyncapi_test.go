package contracts_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

type reference struct {
	Ref string `yaml:"$ref"`
}

// asyncAPI is the part of an AsyncAPI 3.0 document that these tests judge.
type asyncAPI struct {
	AsyncAPI string `yaml:"asyncapi"`
	Channels map[string]struct {
		Address    *string              `yaml:"address"`
		Parameters map[string]reference `yaml:"parameters"`
		Messages   map[string]reference `yaml:"messages"`
	} `yaml:"channels"`
	Operations map[string]struct {
		Action  string    `yaml:"action"`
		Channel reference `yaml:"channel"`
	} `yaml:"operations"`
	Components struct {
		Parameters map[string]any `yaml:"parameters"`
		Messages   map[string]struct {
			Name     string      `yaml:"name"`
			Title    string      `yaml:"title"`
			Summary  string      `yaml:"summary"`
			Internal bool        `yaml:"x-internal"`
			Traits   []reference `yaml:"traits"`
			Payload  struct {
				SchemaFormat string    `yaml:"schemaFormat"`
				Schema       reference `yaml:"schema"`
			} `yaml:"payload"`
		} `yaml:"messages"`
		Schemas map[string]map[string]any `yaml:"schemas"`
	} `yaml:"components"`
}

func loadAsyncAPI(t *testing.T) (doc asyncAPI) {
	t.Helper()
	if err := yaml.Unmarshal(contracts.AsyncAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// Messages of the document that are no types of the bus.
var answers = []string{"answer", "problem", "viewed"}

func TestAsyncAPIHasAMessageForEveryTypeAndNoOther(t *testing.T) {
	doc, tr := loadAsyncAPI(t), loadTree(t, contracts.Schemas())
	if doc.AsyncAPI != "3.0.0" {
		t.Errorf("asyncapi is %q", doc.AsyncAPI)
	}
	messages := doc.Components.Messages
	for _, e := range events.Catalog {
		context, what := events.SplitType(e.Type)
		m, ok := messages[context+"."+what]
		if !ok {
			t.Errorf("%s has no message", e.Type)
			continue
		}
		delete(messages, context+"."+what)
		n := tr[context+"/"+what]
		if m.Name != e.Type || m.Internal != e.Internal || m.Title != n["title"].(string)+" "+n["x-title-zh"].(string) || m.Summary != n["description"] {
			t.Errorf("message %s.%s differs from its schema or type: %+v", context, what, m)
		}
		file, ok := strings.CutPrefix(m.Payload.Schema.Ref, "schemas/")
		if _, err := fs.Stat(contracts.Schemas(), file); !ok || err != nil || file != context+"/"+what+".v1.json" {
			t.Errorf("message %s.%s refers to %q", context, what, m.Payload.Schema.Ref)
		}
		trait := "#/components/messageTraits/command"
		if e.Kind == events.Fact {
			trait = "#/components/messageTraits/event"
		}
		if len(m.Traits) != 1 || m.Traits[0].Ref != trait {
			t.Errorf("message %s.%s has the traits %v, want %s", context, what, m.Traits, trait)
		}
	}
	for _, name := range answers {
		delete(messages, name)
	}
	for name := range messages {
		t.Errorf("message %s has no type", name)
	}
}

func TestAsyncAPIChannels(t *testing.T) {
	doc := loadAsyncAPI(t)
	want := map[string][]string{"views": {"viewed"}, "replies": {"answer", "problem"}}
	addresses := map[string]string{"views": "jieli.view.{department}.{context}.{what}.{region}.{industry}"}
	for _, e := range events.Catalog {
		context, what := events.SplitType(e.Type)
		switch {
		case e.Internal: // no door takes it, so no channel offers it
		case e.Kind == events.Command:
			want[context+"Commands"] = append(want[context+"Commands"], context+"."+what)
			addresses[context+"Commands"] = strings.Replace(events.CommandSubject(context, 0), ".0", ".{partition}", 1)
		default:
			want[context+"Events"] = append(want[context+"Events"], context+"."+what)
			addresses[context+"Events"] = "jieli.event." + context + ".{what}.{region}.{industry}"
		}
	}
	for name, c := range doc.Channels {
		got := slices.Sorted(maps.Keys(c.Messages))
		slices.Sort(want[name])
		if !slices.Equal(got, want[name]) {
			t.Errorf("channel %s has the messages %v, want %v", name, got, want[name])
		}
		for m, r := range c.Messages {
			if r.Ref != "#/components/messages/"+m {
				t.Errorf("channel %s: message %s refers to %s", name, m, r.Ref)
			}
		}
		address := ""
		if c.Address != nil {
			address = *c.Address
		}
		if address != addresses[name] {
			t.Errorf("channel %s has the address %q, want %q", name, address, addresses[name])
		}
		for p := range c.Parameters {
			if _, ok := doc.Components.Parameters[p]; !ok || !strings.Contains(address, "{"+p+"}") {
				t.Errorf("channel %s: parameter %s is not defined or not in the address", name, p)
			}
		}
		if strings.Count(address, "{") != len(c.Parameters) {
			t.Errorf("channel %s: %d parameters for %s", name, len(c.Parameters), address)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("channel %s is missing", name)
	}
	used := map[string]bool{"#/channels/replies": true}
	for name, o := range doc.Operations {
		if used[o.Channel.Ref] {
			t.Errorf("operation %s: %s has one already", name, o.Channel.Ref)
		}
		used[o.Channel.Ref] = true
	}
	for name := range doc.Channels {
		if !used["#/channels/"+name] {
			t.Errorf("channel %s has no operation", name)
		}
	}
}

func TestAsyncAPIRepliesAreTheGoTypes(t *testing.T) {
	doc, tr := loadAsyncAPI(t), loadTree(t, contracts.Schemas())
	for name, typ := range map[string]reflect.Type{"answer": reflect.TypeFor[events.Answer](), "problem": reflect.TypeFor[events.Problem]()} {
		b, err := json.Marshal(doc.Components.Schemas[name])
		if err != nil {
			t.Fatal(err)
		}
		n := parse(t, string(b))
		if status, ok := n.properties()["status"]; ok && status["const"] != nil {
			status["type"] = "string"
		}
		agree(t, tr, name, typ, n)
	}
}

func TestAsyncAPINamesTheExtensionsOfTheBus(t *testing.T) {
	doc := loadAsyncAPI(t)
	headers := func(name string) map[string]any { return doc.Components.Schemas[name]["properties"].(map[string]any) }
	for _, ext := range []string{events.ExtRegion, events.ExtIndustry, events.ExtStage, events.ExtInstrument, events.ExtAmountWan, events.ExtCurrency,
		events.ExtDataClass, events.ExtSequence, events.ExtCorrelation, events.ExtCausation, events.ExtActor, events.ExtTraceParent} {
		if headers("eventHeaders")["ce-"+ext] == nil {
			t.Errorf("eventHeaders lacks ce-%s", ext)
		}
	}
	for _, ext := range []string{events.ExtActor, events.ExtExpected, events.ExtCorrelation, events.ExtTraceParent} {
		if headers("commandHeaders")["ce-"+ext] == nil {
			t.Errorf("commandHeaders lacks ce-%s", ext)
		}
	}
}
