// Package edge holds payloads to their contracts before any service sees them: JSON that every reader understands in the same
// way, the JSON Schema of the type, and the Go type. What passes is decoded once and for all; what does not becomes a refusal
// that names the field, in Chinese and English.
package edge

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// PayloadBytesMax bounds one payload. No valid payload comes near it; it keeps the work for an invalid one small.
const PayloadBytesMax = 128 << 10

// Validator checks payloads of commands. It is safe for concurrent use. A schema is compiled when its type is first seen, so
// that starting costs nothing.
type Validator struct {
	types map[string]*checked

	mu       sync.Mutex // the compiler is not safe for concurrent use
	compiler *jsonschema.Compiler
}

// checked is one type with its schema in both forms, each compiled at most once.
type checked struct {
	entry   events.Entry
	compile func() (*jsonschema.Schema, error)
	quick   func() (*quick, error)
}

// New returns a validator for every command of events.Catalog; the error names a command without a schema.
func New() (*Validator, error) {
	v := &Validator{types: make(map[string]*checked, len(events.Catalog)), compiler: jsonschema.NewCompiler()}
	v.compiler.DefaultDraft(jsonschema.Draft2020)
	v.compiler.UseLoader(embedded{})
	for _, e := range events.Catalog {
		if e.Kind != events.Command {
			continue
		}
		context, what := events.SplitType(e.Type)
		if _, err := fs.Stat(contracts.Schemas(), context+"/"+what+".v1.json"); err != nil {
			return nil, fmt.Errorf("edge: %s has no schema: %w", e.Type, err)
		}
		id := contracts.SchemaID(context, what)
		v.types[e.Type] = &checked{
			entry: e,
			compile: sync.OnceValues(func() (*jsonschema.Schema, error) {
				v.mu.Lock()
				defer v.mu.Unlock()
				return v.compiler.Compile(id)
			}),
			quick: sync.OnceValues(func() (*quick, error) { return compileQuick(id, map[string]*quick{}) }),
		}
	}
	return v, nil
}

// Payload checks the payload of a command and returns a pointer to its Go type. Who may give the command is for the caller to
// judge: the commands that only the system may give are taken, too. The error is an *events.Problem: ErrUnknownType, ErrTooLarge,
// what events.CheckJSON refuses, ErrSchema, and where a field has a refusal of its own, that: ErrMoney, ErrCurrency, ErrID,
// ErrRegion, ErrIndustry, ErrUSCC, ErrCode, ErrDates.
func (v *Validator) Payload(typ string, data []byte) (any, error) {
	c, ok := v.types[typ]
	if !ok {
		return nil, events.ErrUnknownType.Refusef("", "没有命令 %.80q", "there is no command %.80q", typ)
	}
	if len(data) > PayloadBytesMax {
		return nil, events.ErrTooLarge.Refusef("", "内容 %d 字节，上限 %d 字节", "%d bytes, the limit is %d", len(data), PayloadBytesMax)
	}
	if err := events.CheckJSON(data, events.MaxDepth); err != nil {
		return nil, err
	}
	if q, err := c.quick(); err != nil || !q.accepts(data) {
		if err := c.judge(data); err != nil {
			return nil, err
		}
	}
	payload := c.entry.New()
	if err := events.Unmarshal(data, payload); err != nil {
		return nil, locate(data, payload, err)
	}
	return payload, nil
}

// judge holds checked text to the schema by the library, which is slow and words what is wrong.
func (c *checked) judge(data []byte) error {
	value, refused := decodeAny(data)
	if refused != nil {
		return refused
	}
	schema, err := c.compile()
	if err != nil { // a schema of ours is wrong: tests compile them all
		return events.ErrInternal.Refuse("", "契约无法编译", err.Error())
	}
	if err := schema.Validate(value); err != nil {
		return refuse(err)
	}
	return nil
}

// embedded loads schemas by their id from package contracts; nothing is ever fetched.
type embedded struct{}

func (embedded) Load(id string) (any, error) {
	parts := strings.Split(strings.TrimPrefix(id, contracts.SchemaPrefix), ":")
	if len(parts) != 3 || parts[2] != "v1" {
		return nil, fmt.Errorf("edge: %q is not the id of a schema", id)
	}
	b, err := contracts.Schema(parts[0], parts[1])
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(b))
}
