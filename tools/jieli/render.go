package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
	"gopkg.in/yaml.v3"
)

// emit writes a result in the chosen format; table draws it for people.
func (c *cli) emit(v any, table func()) error {
	switch c.output {
	case formatJSON:
		enc := json.NewEncoder(c.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	case formatYAML:
		return writeYAML(c.out, v)
	}
	table()
	return nil
}

// writeYAML writes what JSON would hold, keys in the same order: JSON is read as the YAML that it is.
func writeYAML(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(b, &node); err != nil {
		return err
	}
	plain(&node)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		return err
	}
	return enc.Close()
}

// plain drops the flow style and quotes that the nodes have from JSON; the encoder quotes what needs it.
func plain(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!str" {
		n.Style = 0
	}
	for _, inner := range n.Content {
		plain(inner)
	}
}

// table is a boxed table whose columns line up although Chinese characters are two cells wide.
type table struct {
	header []string
	rows   [][]string
	right  map[int]bool // columns of numbers
}

func newTable(header ...string) *table { return &table{header: header, right: map[int]bool{}} }

func (t *table) alignRight(columns ...int) *table {
	for _, c := range columns {
		t.right[c] = true
	}
	return t
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// width is the number of terminal cells of a text.
func width(s string) int { return uniseg.StringWidth(s) }

// pad fills a text with blanks to a width, cutting what is longer.
func pad(s string, to int) string {
	s = cut(s, to)
	return s + strings.Repeat(" ", max(to-width(s), 0))
}

// cut shortens a text to a width and marks that.
func cut(s string, to int) string {
	if width(s) <= to {
		return s
	}
	var b strings.Builder
	used := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used+g.Width() > to-1 {
			break
		}
		b.WriteString(g.Str())
		used += g.Width()
	}
	return b.String() + "…"
}

// clean keeps a cell on one line and the terminal's state its own: names come from outside.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}

const cellWidthMax = 60

func (t *table) write(w io.Writer) {
	widths := make([]int, len(t.header))
	for i, h := range t.header {
		widths[i] = width(h)
	}
	for _, row := range t.rows {
		for i := range row {
			row[i] = clean(row[i])
			n := width(row[i])
			if i < len(row)-1 {
				n = min(n, cellWidthMax) // the last column is prose and may run on
			}
			widths[i] = max(widths[i], n)
		}
	}
	rule := func(left, middle, right string) {
		parts := make([]string, len(widths))
		for i, n := range widths {
			parts[i] = strings.Repeat("─", n+2)
		}
		fmt.Fprintln(w, left+strings.Join(parts, middle)+right)
	}
	line := func(cells []string) {
		for i, n := range widths {
			text := cut(cells[i], n)
			blanks := strings.Repeat(" ", n-width(text))
			if t.right[i] {
				text = blanks + text
			} else {
				text += blanks
			}
			fmt.Fprint(w, "│ ", text, " ")
		}
		fmt.Fprintln(w, "│")
	}
	rule("┌", "┬", "┐")
	line(t.header)
	rule("├", "┼", "┤")
	for _, row := range t.rows {
		line(row)
	}
	rule("└", "┴", "┘")
}
