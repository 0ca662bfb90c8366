package contracts

import (
	"embed"
	"io/fs"
)

//go:embed rules
var rules embed.FS

// Rules is the tree of dated rule files: <subject>.<effective from>.json. A changed parameter is a new file, never an edit of an
// old one: decisions record the id and hash of the file they used.
func Rules() fs.FS { return sub(rules, "rules") }
