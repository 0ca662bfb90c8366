package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is the part that the import paths of all five modules have in common.
const module = "github.com/jieli-bus/jieli/"

// file is one Go file.
type file struct {
	path    string // from the repository's root, with slashes
	pkg     string // its package clause
	imports []string
	lines   int
	syntax  *ast.File
	set     *token.FileSet
}

func (f *file) test() bool  { return strings.HasSuffix(f.path, "_test.go") }
func (f *file) dir() string { return path.Dir(f.path) }
func (f *file) in(folder string) bool {
	return folder == "." || f.path == folder || strings.HasPrefix(f.path, folder+"/")
}

// at is a place in the file, for messages.
func (f *file) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.set.Position(n.Pos()).Line)
}

// tree is the repository as the rules see it.
type tree struct {
	root  fs.FS
	files []*file
}

// load parses every Go file; folders that start with "." or "_" and those named testdata, bin and node_modules are left out, as
// the go command leaves the first three out.
func load(root fs.FS) (*tree, error) {
	t := &tree{root: root}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			hidden := name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
			if hidden || slices.Contains([]string{"testdata", "bin", "node_modules"}, base) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		f := &file{path: name, lines: strings.Count(string(body), "\n"), set: token.NewFileSet()}
		if f.syntax, err = parser.ParseFile(f.set, name, body, parser.SkipObjectResolution); err != nil {
			return err
		}
		f.pkg = f.syntax.Name.Name
		for _, i := range f.syntax.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			f.imports = append(f.imports, p)
		}
		t.files = append(t.files, f)
		return nil
	})
	return t, err
}

// has reports whether a file or folder is there.
func (t *tree) has(name string) bool {
	_, err := fs.Stat(t.root, name)
	return err == nil
}

// production visits the files under a folder that end up in a program.
func (t *tree) production(folder string) []*file {
	var list []*file
	for _, f := range t.files {
		if f.in(folder) && !f.test() {
			list = append(list, f)
		}
	}
	return list
}

// ours is the folder of an import path of this repository.
func ours(imported string) (folder string, ok bool) { return strings.CutPrefix(imported, module) }

// standard reports whether an import path is of the standard library.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// under reports whether a path is a folder or lies in it.
func under(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

// service is the service a folder belongs to: "demand" for services/demand and what is in it. allinone, the binaries and the
// frame are none.
func service(folder string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(folder, "services/")
	if !ok {
		return "", false
	}
	name, _, _ = strings.Cut(rest, "/")
	return name, !slices.Contains([]string{"allinone", "cmd", "internal"}, name) && !strings.HasSuffix(name, ".go")
}
