package arch

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// pureImports of the standard library are those from which nothing of the world outside can be learned.
var pureImports = []string{
	"bytes", "cmp", "crypto/sha256", "encoding/base64", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "iter", "maps", "math",
	"math/big", "math/bits", "reflect", "regexp", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/utf8",
}

// impure are the functions of allowed packages that look at a clock, wait, or draw a random number.
var impure = map[string][]string{
	"time":            {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	module + "events": {"NewUUID7"},
}

// decides reports whether a file holds decisions of a service: decide.go, decide_<part>.go, model.go, and the frame's own step package.
func decides(f *file) bool {
	if f.test() {
		return false
	}
	base := path.Base(f.path)
	_, is := service(f.dir())
	return is && (base == "model.go" || base == "decide.go" || strings.HasPrefix(base, "decide_")) || f.in(stepping)
}

// pure holds the decisions to what they may know. What is planted in them is a constant but in the build that tests the tests.
func pure(t *tree) []string {
	var list []string
	for _, f := range t.files {
		if !decides(f) {
			continue
		}
		list = append(list, imports([]*file{f}, func(_ *file, p string) bool {
			if standard(p) {
				return slices.Contains(pureImports, p) || f.in(stepping) && p == "container/heap"
			}
			return own(p, contracts) || own(p, events) || own(p, stepping) || own(p, planted)
		})...)
		for pkg, names := range impure {
			for _, name := range names {
				list = append(list, calls(f, pkg, name)...)
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
				list = append(list, f.at(n)+": a decision has no goroutines and no channels")
			}
			return true
		})
	}
	return list
}

// calls lists where a file names a function of a package, whatever it calls the package.
func calls(f *file, pkg, function string) []string {
	name := ""
	for i, spec := range f.syntax.Imports {
		if f.imports[i] != pkg {
			continue
		}
		if name = path.Base(pkg); spec.Name != nil {
			name = spec.Name.Name
		}
	}
	if name == "" {
		return nil
	}
	var list []string
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok || s.Sel.Name != function {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
			list = append(list, fmt.Sprintf("%s: uses %s.%s", f.at(s), path.Base(pkg), function))
		}
		return true
	})
	return list
}

// twoServices lists the packages that name two services.
func twoServices(t *tree) []string {
	named := make(map[string]map[string]bool) // by folder
	for _, f := range t.files {
		if f.in(allinone) || f.in("services/cmd") {
			continue
		}
		for _, p := range f.imports {
			folder, ok := ours(p)
			if !ok {
				continue
			}
			if name, is := service(folder); is {
				if named[f.dir()] == nil {
					named[f.dir()] = make(map[string]bool)
				}
				named[f.dir()][name] = true
			}
		}
	}
	var list []string
	for folder, names := range named {
		if mine, is := service(folder); is {
			names[mine] = true
		}
		if len(names) > 1 {
			list = append(list, fmt.Sprintf("%s: names %d services", folder, len(names)))
		}
	}
	// The all-in-one process itself: a rule about binding services is empty where nothing is bound.
	bound := make(map[string]bool)
	for _, f := range t.production(allinone) {
		for _, p := range f.imports {
			if folder, ok := ours(p); ok {
				if name, is := service(folder); is {
					bound[name] = true
				}
			}
		}
	}
	if len(bound) < 2 {
		list = append(list, allinone+": names no two services any more: take it out of the rule")
	}
	slices.Sort(list)
	return list
}

// rooms are the file names a service may have beside those of its own notions, and what each asks for.
var rooms = []struct{ has, wants, why string }{
	{"", "doc.go", "a package of a service says in doc.go what it decides, what comes in and out, and what is deliberately not there"},
	{"decide.go", "model.go", "decisions are about a model"},
	{"decide.go", "service.go", "service.go hands the decisions to the frame"},
	{"decide.go", "decide_test.go", "decisions have a given / when / then table"},
	{"project.go", "service.go", "service.go hands the projection to the frame"},
	{"react.go", "service.go", "service.go hands the reactions to the frame"},
}

// roomPlan holds every service to the fixed file names.
func roomPlan(t *tree) []string {
	have := make(map[string][]string) // file names, by folder
	for _, f := range t.files {
		if _, is := service(f.dir()); is {
			have[f.dir()] = append(have[f.dir()], path.Base(f.path))
		}
	}
	var list []string
	for folder, names := range have {
		for _, room := range rooms {
			if (room.has == "" || slices.Contains(names, room.has)) && !slices.Contains(names, room.wants) {
				list = append(list, fmt.Sprintf("%s: has no %s: %s", folder, room.wants, room.why))
			}
		}
	}
	slices.Sort(list)
	return list
}
