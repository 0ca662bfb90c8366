package arch

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"
)

// house is a small tree that follows every rule.
func house() map[string]string {
	imports := func(pkg string, list ...string) string {
		var b strings.Builder
		b.WriteString("package " + pkg + "\n")
		for _, p := range list {
			b.WriteString("import _ \"" + p + "\"\n")
		}
		return b.String()
	}
	files := map[string]string{
		"contracts/contracts.go":    imports("contracts", "embed"),
		"events/events.go":          imports("events", module+"contracts", "github.com/nats-io/nats.go", "github.com/cloudevents/sdk-go/v2/event", "github.com/cloudevents/sdk-go/v2/types", "github.com/go-json-experiment/json"),
		stepping + "/step.go":       imports("step", "container/heap", module+"events", module+planted),
		planted + "/off.go":         "package planted",
		ledger + "/ledger.go":       imports("ledger", "github.com/nats-io/nats.go/jetstream", module+stepping),
		bus + "/bus.go":             imports("bus", "github.com/nats-io/nats.go"),
		store + "/store.go":         imports("store", "github.com/redis/go-redis/v9"),
		chassis + "/trace/trace.go": imports("trace", "go.opentelemetry.io/otel/trace"),
		store + "/storetest/s.go":   imports("storetest", "testing", "pgregory.net/rapid"),
		"services/allinone/all.go":  imports("allinone", module+"services/demand", module+"services/offer", "github.com/nats-io/nats-server/v2/server"),
		"tools/jieli/main.go":       imports("main", module+"services/allinone"),
		"tests/bench/main.go":       imports("main", "testing"),
	}
	files["services/demand/decide_units.go"] = "package demand\nconst (\n\twholeBP = 10_000\n\tframe = 160\n\tfiscalYearMin = 2000\n\tMonthsMax = 600\n)\nvar mask, score = 0xe2, 99\n"
	for _, s := range []string{"demand", "offer"} {
		dir := "services/" + s + "/"
		files[dir+"doc.go"] = "package " + s + "\n"
		files[dir+"model.go"] = imports(s, "time", module+"events")
		files[dir+"decide.go"] = imports(s, "errors", module+stepping, module+"contracts/codes")
		files[dir+"service.go"] = imports(s, "context", module+store)
		files[dir+"decide_test.go"] = "package " + s + "\n" + strings.Repeat("// a row\n", linesMax)
		files[dir+"service_test.go"] = imports(s, "testing")
	}
	return files
}

func judgeHouse(t *testing.T, r rule, change map[string]string) string {
	t.Helper()
	files := house()
	maps.Copy(files, change)
	root := make(fstest.MapFS, len(files))
	for name, body := range files {
		if body != gone {
			root[name] = &fstest.MapFile{Data: []byte(body)}
		}
	}
	loaded, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(judge(r, loaded), "\n")
}

// gone takes a file out of the house.
const gone = "-"

func TestRulesPassWhatFollowsThem(t *testing.T) {
	t.Parallel()
	for _, r := range rules() {
		if all := judgeHouse(t, r, nil); all != "" {
			t.Errorf("%s: %s", r.name, all)
		}
	}
}

// Every rule, and what breaks it: a file that is added or changed, or gone.
func TestRulesCanFail(t *testing.T) {
	t.Parallel()
	body := func(pkg, imported, code string) string {
		return "package " + pkg + "\nimport \"" + imported + "\"\n" + code
	}
	cases := []struct {
		rule, path, body, says string
	}{
		{"contracts import the standard library only", "contracts/x.go", body("contracts", module+"events", ""), "imports " + module + "events"},
		{"contracts import the standard library only", "contracts/x.go", body("contracts", "gopkg.in/yaml.v3", ""), "imports gopkg.in/yaml.v3"},
		{"events import contracts, the CloudEvents event type, the nats.Msg type and a JSON decoder", "events/x.go", body("events", "github.com/nats-io/nats.go/jetstream", ""), "jetstream"},
		{"events import contracts, the CloudEvents event type, the nats.Msg type and a JSON decoder", "events/events.go", "package events\n", "take that out of the rule"},
		{"decisions are pure", "services/demand/decide_money.go", body("demand", "github.com/rs/zerolog", ""), "zerolog"},
		{"decisions are pure", "services/demand/decide.go", body("demand", "net/http", ""), "net/http"},
		{"decisions are pure", "services/offer/model.go", body("offer", "math/rand/v2", ""), "math/rand"},
		{"decisions are pure", "services/offer/model.go", body("offer", module+store, ""), "chassis/store"},
		{"decisions are pure", "services/offer/decide.go", body("offer", "time", "var now = time.Now()\n"), "decide.go:3: uses time.Now"},
		{"decisions are pure", "services/offer/decide.go", "package offer\nimport clock \"time\"\nvar now = clock.Since\n", "uses time.Since"},
		{"decisions are pure", "services/offer/decide.go", body("offer", module+"events", "var id = events.NewUUID7\n"), "NewUUID7"},
		{"decisions are pure", "services/offer/decide.go", "package offer\nfunc f() { go f() }\n", "no goroutines"},
		{"decisions are pure", stepping + "/clock.go", body("step", "time", "var now = time.Now\n"), "uses time.Now"},
		{"decisions are pure", "services/demand/model.go", gone, "model.go: the rule speaks of it, and it is gone"},
		{"decisions hold no policy numbers", "services/offer/decide.go", "package offer\nfunc f(n int) bool { return n >= 6_000 }\n", "decide.go: line 2 holds 6_000"},
		{"decisions hold no policy numbers", "services/offer/triage_gate.go", "package offer\nvar parameter = 1.75\n", "holds 1.75"},
		{"decisions hold no policy numbers", "services/offer/decide_weight.go", "package offer\nconst shareNeeded = 7000\n", "holds 7000"},
		{"decisions hold no policy numbers", "services/demand/decide_units.go", gone, "wholeBP: no decision has such a constant any more"},
		{"decisions hold no policy numbers", "services/offer/score.go", "package offer\nvar percent = 100\n", ""},
		{"a service does not import another service", "services/demand/x.go", body("demand", module+"services/offer", ""), "imports " + module + "services/offer"},
		{"the frame does not import a service", chassis + "/app/x.go", body("app", module+"services/demand", ""), "services/demand"},
		{"the frame does not import a service", chassis + "/app/x.go", body("app", module+allinone, ""), allinone},
		{"only the ledger, the bus and the all-in-one process know NATS", "services/offer/x.go", body("offer", "github.com/nats-io/nats.go", ""), "nats.go"},
		{"only the ledger, the bus and the all-in-one process know NATS", bus + "/bus.go", "package bus\n", "take that out of the rule"},
		{"only the all-in-one process starts a broker", ledger + "/x.go", body("ledger", "github.com/nats-io/nats-server/v2/server", ""), "nats-server"},
		{"only the store knows Redis", allinone + "/x.go", body("allinone", "github.com/redis/go-redis/v9", ""), "go-redis"},
		{"only the trace package knows OpenTelemetry", ledger + "/x.go", body("ledger", "go.opentelemetry.io/otel", ""), "opentelemetry"},
		{"only the all-in-one process and the binaries name two services", "tools/jieli/x.go", "package main\nimport _ \"" + module + "services/demand\"\nimport _ \"" + module + "services/offer\"\n", "names 2 services"},
		{"only the all-in-one process and the binaries name two services", "services/allinone/all.go", "package allinone\n", "take it out of the rule"},
		{"test packages stay out of programs", "services/offer/x.go", body("offer", "testing", ""), "imports testing"},
		{"test packages stay out of programs", "tools/jieli/x.go", body("main", module+store+"/storetest", ""), "storetest"},
		{"test packages stay out of programs", "events/x.go", body("events", "pgregory.net/rapid", ""), "rapid"},
		{"no package is named for nothing", "services/demand/utils/x.go", "package texts\n", "name it for what it does"},
		{"no package is named for nothing", "tools/texts/x_test.go", "package helper_test\n", "name it for what it does"},
		{"the same file names in every service", "services/demand/decide_test.go", gone, "has no decide_test.go"},
		{"the same file names in every service", "services/offer/doc.go", gone, "has no doc.go"},
		{"the same file names in every service", "services/offer/service.go", gone, "has no service.go"},
		{"no test and no program sleeps", "tests/e2e/x_test.go", body("e2e", "time", "func f() { time.Sleep(1) }\n"), "uses time.Sleep"},
		{"no Go file is longer than 450 lines", "services/offer/x.go", "package offer\n" + strings.Repeat("// x\n", linesMax), "has 451 lines"},
		{"no Go file is longer than 450 lines", "services/offer/decide_test.go", "package offer\n", ""},
	}
	byName := make(map[string]rule)
	broken := make(map[string]bool)
	for _, r := range rules() {
		byName[r.name] = r
	}
	for _, c := range cases {
		r, ok := byName[c.rule]
		if !ok {
			t.Errorf("there is no rule %q", c.rule)
			continue
		}
		broken[c.rule] = true
		all := judgeHouse(t, r, map[string]string{c.path: c.body})
		if c.says == "" && all != "" || !strings.Contains(all, c.says) {
			t.Errorf("%s, %s: want %q, got %q", c.rule, c.path, c.says, all)
		}
	}
	for name := range byName {
		if !broken[name] {
			t.Errorf("nothing here breaks the rule %q", name)
		}
	}
}

func TestAnExceptionDiesWithItsFile(t *testing.T) {
	t.Parallel()
	loaded, err := load(fstest.MapFS{"a/short_test.go": {Data: []byte("package a\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if list := long(loaded, map[string]string{"short_test.go": "no reason any more"}); len(list) != 1 {
		t.Errorf("want one complaint, got %v", list)
	}
}

func TestLoadRefusesWhatDoesNotParse(t *testing.T) {
	t.Parallel()
	if _, err := load(fstest.MapFS{"a/a.go": {Data: []byte("pack age\n")}}); err == nil {
		t.Error("a file that is no Go was loaded")
	}
}
