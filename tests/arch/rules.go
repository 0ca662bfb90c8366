package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// rule is one rule of the house.
type rule struct {
	name   string
	reason string
	// names are the files and folders that the rule speaks of; one that is gone fails the rule.
	names []string
	check func(t *tree) []string // what breaks it, each with its place
}

// Folders that several rules speak of.
const (
	contracts = "contracts"
	events    = "events"
	services  = "services"
	chassis   = "services/internal/chassis"
	bus       = chassis + "/bus"
	ledger    = chassis + "/ledger"
	store     = chassis + "/store"
	stepping  = chassis + "/step"
	planted   = chassis + "/planted"
	allinone  = "services/allinone"
)

func rules() []rule {
	return []rule{
		{
			name:   "contracts import the standard library only",
			reason: "contracts are the language of the bus for every programming language; Go only embeds them",
			names:  []string{contracts},
			check: func(t *tree) []string {
				return imports(t.production(contracts), func(_ *file, p string) bool { return standard(p) || own(p, contracts) })
			},
		},
		{
			name:   "events import contracts, the CloudEvents event type, the nats.Msg type and a JSON decoder",
			reason: "a stranger's program takes the events module to speak with the bus: it must not bring a broker, a store or our services along",
			names:  []string{events},
			check: func(t *tree) []string {
				sdk := "github.com/cloudevents/sdk-go/v2/"
				allowed := []string{sdk + "event", sdk + "types", "github.com/nats-io/nats.go", "github.com/go-json-experiment/json"}
				return append(
					imports(t.production(events), func(_ *file, p string) bool {
						return standard(p) || own(p, events) || own(p, contracts) || slices.Contains(allowed, p)
					}),
					unused(t.production(events), events, allowed...)...)
			},
		},
		{
			name:   "decisions are pure",
			reason: "the same decide and model files run in production, in replay, in the checker and in a simulator: (state, command, now) is all they know",
			names:  []string{contracts, events, stepping, planted, "services/demand/decide.go", "services/demand/model.go"},
			check:  pure,
		},
		{
			name:   "decisions hold no policy numbers",
			reason: "a threshold moves with a notice: it is dated data under contracts/rules, with its source, and a number in code would decide the past anew",
			names:  []string{contracts, services},
			check:  func(t *tree) []string { return policyNumbers(t, technical) },
		},
		{
			name:   "a service does not import another service",
			reason: "services speak by events and read models, so that each can be a process of its own",
			names:  []string{services},
			check: func(t *tree) []string {
				return imports(t.production(services), func(f *file, p string) bool {
					mine, is := service(f.dir())
					folder, ok := ours(p)
					if !is || !ok {
						return true
					}
					other, is := service(folder)
					return !is || other == mine
				})
			},
		},
		{
			name:   "the frame does not import a service",
			reason: "a new service must not need a change of the frame",
			names:  []string{chassis},
			check: func(t *tree) []string {
				return imports(t.production("services/internal"), func(_ *file, p string) bool {
					folder, ok := ours(p)
					if !ok {
						return true
					}
					_, is := service(folder)
					return !is && !under(folder, allinone)
				})
			},
		},
		only("only the ledger, the bus and the all-in-one process know NATS",
			"the broker can be told from its port: everything else runs over memory too",
			"github.com/nats-io/", services, ledger, bus, allinone),
		only("only the all-in-one process starts a broker",
			"production runs against a cluster: a broker inside any other package would be one that nobody operates",
			"github.com/nats-io/nats-server/", services, allinone),
		only("only the store knows Redis",
			"projections go through one port with two implementations",
			"github.com/redis/go-redis/", services, store),
		only("only the trace package knows OpenTelemetry",
			"tracing is one small seam: a nil tracer costs nothing, and the rest of the system does not care who collects",
			"go.opentelemetry.io/", services, chassis+"/trace"),
		{
			name:   "only the all-in-one process and the binaries name two services",
			reason: "whatever knows two services binds them together; that is done in one place",
			names:  []string{allinone},
			check:  twoServices,
		},
		{
			name:   "test packages stay out of programs",
			reason: "a program that carries a test suite carries its flags and its skips",
			names:  []string{contracts, events, services, "tools", "tests"},
			check: func(t *tree) []string {
				return imports(t.production("."), func(f *file, p string) bool {
					if strings.HasSuffix(f.pkg, "test") || f.in("tests") { // a suite, or a program that is never shipped
						return true
					}
					folder, isOurs := ours(p)
					suite := isOurs && (strings.HasSuffix(folder, "test") || under(folder, "tests"))
					return !suite && !slices.ContainsFunc([]string{"testing", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/stretchr/testify"},
						func(t string) bool { return under(p, t) })
				})
			},
		},
		{
			name:   "no package is named for nothing",
			reason: "util, common, helper and manager tell a reader nothing, and gather what belongs nowhere",
			check: func(t *tree) []string {
				return each(t.files, func(f *file) string {
					for _, name := range []string{f.pkg, path.Base(f.dir())} {
						name = strings.TrimSuffix(strings.TrimSuffix(name, "_test"), "s")
						if slices.Contains([]string{"util", "common", "helper", "manager", "misc"}, name) {
							return "is in package " + f.pkg + ": name it for what it does"
						}
					}
					return ""
				})
			},
		},
		{
			name:   "the same file names in every service",
			reason: "a newcomer who knows one service knows where everything is in the others",
			names:  []string{"services/demand/doc.go"},
			check:  roomPlan,
		},
		{
			name:   "no test and no program sleeps",
			reason: "a sleep is a guess about another's speed: wait for the signal, with a deadline",
			check: func(t *tree) []string {
				return each(t.files, func(f *file) string {
					return strings.Join(calls(f, "time", "Sleep"), "; ")
				})
			},
		},
		{
			name:   fmt.Sprintf("no Go file is longer than %d lines", linesMax),
			reason: "a reader should know every room of a file",
			check:  func(t *tree) []string { return long(t, longFiles) },
		},
	}
}

// linesMax of a Go file.
const linesMax = 450

// longFiles are the files that may be longer, by base name, each with its reason. An entry that no file needs fails the rule.
var longFiles = map[string]string{
	"decide_test.go": "the given / when / then table of one decider: a rule a row, read by looking up one row",
}

// own reports whether an import path is of a folder of this repository.
func own(imported, folder string) bool {
	f, ok := ours(imported)
	return ok && under(f, folder)
}

// imports lists the imports that are not allowed.
func imports(files []*file, allowed func(f *file, imported string) bool) []string {
	return each(files, func(f *file) string {
		var bad []string
		for _, p := range f.imports {
			if !allowed(f, p) {
				bad = append(bad, p)
			}
		}
		if len(bad) == 0 {
			return ""
		}
		return "imports " + strings.Join(bad, ", ")
	})
}

// each collects what is said of the files.
func each(files []*file, says func(f *file) string) []string {
	var list []string
	for _, f := range files {
		if s := says(f); s != "" {
			list = append(list, f.path+": "+s)
		}
	}
	return list
}

// unused lists the allowed imports that nobody under the folder uses any more: the rule has outlived them.
func unused(files []*file, folder string, allowed ...string) []string {
	var list []string
	for _, a := range allowed {
		if !slices.ContainsFunc(files, func(f *file) bool {
			return slices.ContainsFunc(f.imports, func(p string) bool { return p == a || strings.HasPrefix(p, strings.TrimSuffix(a, "/")+"/") })
		}) {
			list = append(list, fmt.Sprintf("%s: does not import %s any more: take that out of the rule", folder, a))
		}
	}
	return list
}

// only makes the rule that within a folder only the named ones import what starts with prefix.
func only(name, reason, prefix, within string, folders ...string) rule {
	return rule{name: name, reason: reason, names: append([]string{within}, folders...), check: func(t *tree) []string {
		list := imports(t.production(within), func(f *file, p string) bool {
			return !strings.HasPrefix(p, prefix) || slices.ContainsFunc(folders, f.in)
		})
		for _, folder := range folders {
			list = append(list, unused(t.production(folder), folder, prefix)...)
		}
		return list
	}}
}

// long lists the files over linesMax, and exceptions that nobody needs.
func long(t *tree, exceptions map[string]string) []string {
	needed := make(map[string]bool)
	list := each(t.files, func(f *file) string {
		if f.lines <= linesMax {
			return ""
		}
		if _, ok := exceptions[path.Base(f.path)]; ok {
			needed[path.Base(f.path)] = true
			return ""
		}
		return fmt.Sprintf("has %d lines", f.lines)
	})
	for name := range exceptions {
		if !needed[name] {
			list = append(list, name+": is nowhere longer any more: take it out of the exceptions")
		}
	}
	return list
}
