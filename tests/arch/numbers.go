package arch

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"path"
	"slices"
	"strings"
)

// smallest is the first number that a decision may not hold: 2 of anything, 12 months or 31 days are of arithmetic and the calendar; from
// here on it is a threshold.
const smallest = 100

// technical are the constants of three digits or more that decisions may name beside bounds of this product's own, which end in Max.
var technical = map[string]string{
	"wholeBP":       "100 % in 0.01 %: a unit",
	"frame":         "bytes of JSON around a unit of a party",
	"fiscalYearMin": "the first year of which accounts are taken: a guard against slips of the pen",
}

// weighs reports whether a file weighs facts against rules: decisions, triages, weights.
func weighs(f *file) bool {
	if _, is := service(f.dir()); !is || f.test() {
		return false
	}
	base := path.Base(f.path)
	return base == "model.go" || slices.ContainsFunc([]string{"decide", "triage", "weight"}, func(part string) bool { return strings.HasPrefix(base, part) })
}

// policyNumbers lists the numbers of three digits or more, and the fractions, that decisions hold outside of constants with a technical
// name; and technical names that nobody needs.
func policyNumbers(t *tree, technical map[string]string) []string {
	needed := make(map[string]bool)
	list := each(t.files, func(f *file) string {
		if !weighs(f) {
			return ""
		}
		named := make(map[ast.Node]bool) // numbers that a constant names
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
				for _, spec := range d.Specs {
					for _, value := range technicalNumbers(spec.(*ast.ValueSpec), technical, needed) {
						named[value] = true
					}
				}
			}
			return true
		})
		var bad []string
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && !named[lit] && threshold(lit) {
				bad = append(bad, fmt.Sprintf("line %d holds %s", f.set.Position(lit.Pos()).Line, lit.Value))
			}
			return true
		})
		return strings.Join(bad, "; ")
	})
	for name := range technical {
		if !needed[name] {
			list = append(list, name+": no decision has such a constant any more: take it out of the exceptions")
		}
	}
	slices.Sort(list)
	return list
}

// technicalNumbers are the numbers of a constant with a technical name.
func technicalNumbers(spec *ast.ValueSpec, technical map[string]string, needed map[string]bool) (list []*ast.BasicLit) {
	for i, name := range spec.Names {
		_, listed := technical[name.Name]
		if i >= len(spec.Values) || !listed && !strings.HasSuffix(name.Name, "Max") {
			continue
		}
		ast.Inspect(spec.Values[i], func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok {
				needed[name.Name] = needed[name.Name] || listed && threshold(lit)
				list = append(list, lit)
			}
			return true
		})
	}
	return list
}

// threshold reports whether a number could be one of policy. Hexadecimal is how bytes and masks are written.
func threshold(lit *ast.BasicLit) bool {
	if strings.HasPrefix(strings.ToLower(lit.Value), "0x") {
		return false
	}
	if lit.Kind == token.FLOAT {
		return true
	}
	v := constant.MakeFromLiteral(lit.Value, lit.Kind, 0)
	return lit.Kind == token.INT && constant.Compare(v, token.GEQ, constant.MakeInt64(smallest))
}
