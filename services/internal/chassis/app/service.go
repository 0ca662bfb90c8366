// Package app puts services together: what a service hands to the frame, and the life of the process around it.
package app

import (
	"context"

	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Service is what one context hands to the frame. The frame does the rest: takes commands, commits, answers, projects, serves reads.
type Service struct {
	Machine step.Machine
	// Path is the collection's name in URLs: /v1/<Path>, /v1/<Path>/{id}. A command jieli.<context>.<what>.v1 is POST /v1/<Path>/{id}/<what>.
	Path string
	// Create is the command type of POST /v1/<Path>; Amend that of PUT /v1/<Path>/{id}, "" when there is none.
	Create, Amend string
	// Prepare runs at the edge before the decision: it looks up facts elsewhere and puts personal data away. It may replace
	// c.Data and c.Facts. An error that is an *events.Problem is a refusal. nil: nothing to prepare.
	Prepare func(ctx context.Context, c *step.Command) error
	// Index gives the list filters of a document: GET /v1/<Path>?<name>=<value>.
	Index func(doc []byte) ([]store.Index, error)
	// Noun and NounEN name one entity for people.
	Noun, NounEN string
	// Filters are the entries of Index that lists can be narrowed by; Sorts those they can be sorted by: see store.SortTime.
	Filters []Filter
	Sorts   []string
}

// Filter is one field that a list can be narrowed by.
type Filter struct {
	Name    string // of the index entry, and of the query parameter
	About   string // what it is, for people
	AboutEN string
	Tree    Tree   // of codes whose ancestors stand for all below them
	Example string // a value
}

// Tree says how a code stands for those below it.
type Tree string

// Trees of codes.
const (
	NoTree       Tree = ""
	RegionTree   Tree = "region"   // GB/T 2260: 330000 stands for all of 33xxxx
	IndustryTree Tree = "industry" // GB/T 4754: I stands for I65, I65 for I651
)

// Filters that mean the same in every list.
var (
	RegionFilter   = Filter{Name: "region", About: "行政区划代码，包含其下级", AboutEN: "region code, with all regions below it", Tree: RegionTree, Example: "330000"}
	IndustryFilter = Filter{Name: "industry", About: "国民经济行业代码，包含其下级", AboutEN: "industry code, with all industries below it", Tree: IndustryTree, Example: "I65"}
	CurrencyFilter = Filter{Name: "currency", About: "币种", AboutEN: "currency", Example: "CNY"}
)

// StatusFilter is by status; example is one of its values.
func StatusFilter(example string) Filter {
	return Filter{Name: "status", About: "状态", AboutEN: "status", Example: example}
}

// Lookup reads other contexts' documents (read models) by id, as JSON.
type Lookup interface {
	// Document returns ErrNotFound of package store only after the read model has caught up with the ledger as it was when
	// Document was called. position is of the form "enterprise.0:1234".
	Document(ctx context.Context, context, id string) (doc []byte, version uint64, position string, err error)
}

// Vault keeps personal data erasable, outside the ledger.
type Vault interface {
	// Put stores content and returns its reference with a keyed hash. owner is "<entity id>/<command id>": the same owner and content
	// give the same reference and hash again. The key lives beside the content: once erased, the hash says nothing.
	Put(ctx context.Context, owner string, content []byte) (ref, hash string, err error)
	// Get fails after an erasure (ledger.ErrErased).
	Get(ctx context.Context, ref string) ([]byte, error)
	// Erase overwrites the content and its key.
	Erase(ctx context.Context, ref string) error
}
