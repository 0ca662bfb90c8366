package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

func newValidator(t testing.TB) *Validator {
	t.Helper()
	v, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func readExample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(contracts.Examples(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// eachExample visits the examples of every command.
func eachExample(t *testing.T, visit func(name string, e events.Entry, data []byte)) {
	t.Helper()
	visited := 0
	for _, e := range events.Catalog {
		if e.Kind != events.Command {
			continue
		}
		context, what := events.SplitType(e.Type)
		names, err := fs.Glob(contracts.Examples(), context+"/"+what+"/*.json")
		if err != nil || len(names) == 0 {
			t.Fatalf("no examples of %s: %v", e.Type, err)
		}
		for _, name := range names {
			visit(name, e, readExample(t, name))
			visited++
		}
	}
	if visited < 100 {
		t.Fatalf("only %d examples", visited)
	}
}

func TestValidExamplesPass(t *testing.T) {
	v := newValidator(t)
	eachExample(t, func(name string, e events.Entry, data []byte) {
		if !strings.HasPrefix(path.Base(name), "valid-") {
			return
		}
		got, err := v.Payload(e.Type, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if want, err := events.DecodeData(e.Type, data); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v (%v)", name, got, want, err)
		}
	})
}

func TestInvalidExamplesAreRefusedAtTheirField(t *testing.T) {
	v := newValidator(t)
	eachExample(t, func(name string, e events.Entry, data []byte) {
		if !strings.HasPrefix(path.Base(name), "invalid-") {
			return
		}
		var ex struct {
			Field string          `json:"field"`
			Data  json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(data, &ex); err != nil {
			t.Fatal(err)
		}
		got, err := v.Payload(e.Type, ex.Data)
		p := problem(t, name, got, err)
		// NUL and wrong numbers are refused before the schema is asked, at the same field.
		if p.Field != ex.Field {
			t.Errorf("%s: refused at %q, the example says %q: %v", name, p.Field, ex.Field, p)
		}
		if p.Detail == "" || p.DetailEN == "" || p.Title == "" || p.TitleEN == "" {
			t.Errorf("%s: not worded in both languages: %+v", name, p)
		}
		again, err := v.Payload(e.Type, ex.Data)
		if q := problem(t, name, again, err); *q != *p {
			t.Errorf("%s: two answers to one question: %v and %v", name, p, q)
		}
	})
}

func problem(t *testing.T, name string, payload any, err error) *events.Problem {
	t.Helper()
	var p *events.Problem
	if payload != nil || !errors.As(err, &p) {
		t.Fatalf("%s: got %+v and %v, want a *events.Problem", name, payload, err)
	}
	return p
}

// bad is hostile or wrong input (issue 2, "Bad input gets") as far as a payload alone shows it.
func TestBadInput(t *testing.T) {
	demand := string(readExample(t, "demand/publish/valid-loan.json"))
	enterprise := string(readExample(t, "enterprise/register/valid-full.json"))
	swap := func(s, old, new string) string {
		t.Helper()
		if !strings.Contains(s, old) {
			t.Fatalf("%s is not in the example", old)
		}
		return strings.Replace(s, old, new, 1)
	}
	const amount = `"amount": {"amount": "5000000.00", "currency": "CNY"}`
	cases := []struct {
		name, typ, data string
		kind            events.ProblemKind
		field           string
	}{
		{"unknown type", "jieli.demand.imagine.v1", `{}`, events.ErrUnknownType, ""},
		{"no type", "", `{}`, events.ErrUnknownType, ""},
		{"an event is not a command", events.TypeDemandPublished, `{}`, events.ErrUnknownType, ""},
		{"over the limit", events.TypePublishDemand, demand + strings.Repeat(" ", PayloadBytesMax), events.ErrTooLarge, ""},
		{"empty", events.TypePublishDemand, ``, events.ErrMalformed, ""},
		{"not JSON", events.TypePublishDemand, `<demand/>`, events.ErrMalformed, ""},
		{"cut off", events.TypePublishDemand, demand[:len(demand)/2], events.ErrMalformed, "*"},
		{"two texts", events.TypePublishDemand, demand + demand, events.ErrMalformed, ""},
		{"GBK", events.TypePublishDemand, swap(demand, "量子", "\xc1\xbf\xd7\xd3"), events.ErrEncoding, "/title"},
		{"raw NUL", events.TypePublishDemand, swap(demand, "量子", "量\x00子"), events.ErrEncoding, "/title"},
		{"escaped NUL", events.TypePublishDemand, swap(demand, "量子", `量\u0000子`), events.ErrEncoding, "/title"},
		{"duplicate key", events.TypePublishDemand, swap(demand, `"use": "rnd"`, `"use": "rnd", "use": "ma"`), events.ErrDuplicateKey, "/use"},
		{"duplicate key, escaped", events.TypePublishDemand, swap(demand, `"use": "rnd"`, `"use": "rnd", "\u0075se": "ma"`), events.ErrDuplicateKey, "/use"},
		{"nesting of 1,000", events.TypePublishDemand, strings.Repeat("[", 1000) + strings.Repeat("]", 1000), events.ErrTooDeep, "*"},
		{"beyond 2^53", events.TypePublishDemand, swap(demand, `"max_price_bp": 420`, `"max_price_bp": 9007199254740993`), events.ErrRange, "/max_price_bp"},
		{"an exact fraction would take all memory", events.TypePublishDemand, swap(demand, `"max_price_bp": 420`, `"max_price_bp": 1e-999999999`), events.ErrSchema, "/max_price_bp"},
		{"point in a number", events.TypePublishDemand, swap(demand, `"max_price_bp": 420`, `"max_price_bp": 420.0`), events.ErrSchema, "/max_price_bp"},
		{"fraction", events.TypePublishDemand, swap(demand, `"max_price_bp": 420`, `"max_price_bp": 420.5`), events.ErrSchema, "/max_price_bp"},
		{"NaN", events.TypePublishDemand, swap(demand, `"max_price_bp": 420`, `"max_price_bp": NaN`), events.ErrMalformed, "/max_price_bp"},
		{"a list beyond every schema", events.TypePublishDemand, `{"security": [` + strings.Repeat("0,", itemsMax) + `0]}`, events.ErrSchema, "/security"},
		{"an object beyond every schema", events.TypePublishDemand, `{"security": [{` + manyFields(fieldsMax+1) + `}]}`, events.ErrSchema, "/security/0"},
		{"an array", events.TypePublishDemand, `[]`, events.ErrSchema, ""},
		{"null", events.TypePublishDemand, `null`, events.ErrSchema, ""},
		{"unknown field", events.TypePublishDemand, swap(demand, `"use"`, `"usage"`), events.ErrSchema, "/usage"},
		{"negative money", events.TypePublishDemand, swap(demand, amount, `"amount": {"amount": "-5.00", "currency": "CNY"}`), events.ErrMoney, "/amount/amount"},
		{"money as a number", events.TypePublishDemand, swap(demand, amount, `"amount": {"amount": 5000000.00, "currency": "CNY"}`), events.ErrMoney, "/amount/amount"},
		{"five decimals", events.TypePublishDemand, swap(demand, amount, `"amount": {"amount": "5.00001", "currency": "CNY"}`), events.ErrMoney, "/amount/amount"},
		{"three decimals of yuan", events.TypePublishDemand, swap(demand, amount, `"amount": {"amount": "5.001", "currency": "CNY"}`), events.ErrMoney, "/amount/amount"},
		{"a decimal of yen", events.TypePublishDemand, swap(demand, amount, `"amount": {"amount": "5.1", "currency": "JPY"}`), events.ErrMoney, "/amount/amount"},
		{"over-precise deeper down", events.TypePublishDemand, swap(demand, `"2000000.00"`, `"2000000.001"`), events.ErrMoney, "/min_amount/amount"},
		{"more than 64 bits of fils", events.TypePublishDemand, swap(demand, amount, `"amount": {"amount": "9999999999999999.999", "currency": "KWD"}`), events.ErrMoney, "/amount/amount"},
		{"unknown currency", events.TypePublishDemand, swap(demand, amount, `"amount": {"amount": "5.00", "currency": "ZZZ"}`), events.ErrCurrency, "/amount/currency"},
		{"currency in small letters", events.TypePublishDemand, swap(demand, amount, `"amount": {"amount": "5.00", "currency": "cny"}`), events.ErrCurrency, "/amount/currency"},
		{"30 February", events.TypePublishDemand, swap(demand, `"2027-06-30T15:59:59Z"`, `"2027-02-30T15:59:59Z"`), events.ErrDates, "/valid_until"},
		{"a day for an instant", events.TypePublishDemand, swap(demand, `"2027-06-30T15:59:59Z"`, `"2027-06-30"`), events.ErrDates, "/valid_until"},
		{"wildcard >", events.TypePublishDemand, swap(demand, `"demand-2026-0001"`, `"demand.>"`), events.ErrID, "/id"},
		{"wildcard *", events.TypePublishDemand, swap(demand, `"demand-2026-0001"`, `"*"`), events.ErrID, "/id"},
		{"blank in an id", events.TypePublishDemand, swap(demand, `"demand-2026-0001"`, `"a b"`), events.ErrID, "/id"},
		{"65 characters", events.TypePublishDemand, swap(demand, `"demand-2026-0001"`, `"`+strings.Repeat("a", 65)+`"`), events.ErrID, "/id"},
		{"instrument in Chinese", events.TypePublishDemand, swap(demand, `"ip_pledge_loan"`, `"知识产权质押贷款"`), events.ErrCode, "/instruments/0"},
		{"region by name", events.TypeRegisterEnterprise, swap(enterprise, `"310115"`, `"上海"`), events.ErrRegion, "/region"},
		{"industry without section", events.TypeRegisterEnterprise, swap(enterprise, `"C3976"`, `"3976"`), events.ErrIndustry, "/industry"},
		{"month 13", events.TypeRegisterEnterprise, swap(enterprise, `"2021-04-16"`, `"2021-13-16"`), events.ErrDates, "/founded"},
		{"line break in a name", events.TypeRegisterEnterprise, swap(enterprise, `示例星桥`, `示例\n星桥`), events.ErrSchema, "/name"},
		{"letters turned around", events.TypeRegisterEnterprise, swap(enterprise, `示例星桥`, `示例\u202e星桥`), events.ErrSchema, "/name"},
		{"letter I in a social credit code", events.TypeRegisterParty, `{"id": "b", "kind": "bank", "name": "示例", "uscc": "9133010030000003I4"}`, events.ErrUSCC, "/uscc"},
		{"slash and tilde in a key", events.TypeRegisterParty, `{"id": "b", "kind": "bank", "name": "示例", "a/b~c": 1}`, events.ErrSchema, "/a~1b~0c"},
	}
	v := newValidator(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			payload, err := v.Payload(c.typ, []byte(c.data))
			p := problem(t, c.name, payload, err)
			if !c.kind.Is(p) || c.field != "*" && p.Field != c.field {
				t.Errorf("refused as %v, want %s at %q", p, c.kind.Code, c.field)
			}
		})
	}
}

func manyFields(n int) string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf(`"k%d": 1`, i)
	}
	return strings.Join(fields, ",")
}

// pointed makes numbers with a point or an exponent float64, as decodeAny reads them on purpose.
func pointed(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			f, _ := v.Float64()
			return f
		}
	case map[string]any:
		for name := range v {
			v[name] = pointed(v[name])
		}
	case []any:
		for i := range v {
			v[i] = pointed(v[i])
		}
	}
	return v
}

func TestDecodeAnyIsWhatTheLibraryReads(t *testing.T) {
	texts := []string{`{"a\u00e9\"\\": "x\ty", "n": [1, -20, 9007199254740992], "t": [true, false, null, {}, [], ""], "\ud83d\ude00": "😀"}`, ` [ ] `, `7`, `"\\"`, `""`}
	eachExample(t, func(_ string, _ events.Entry, data []byte) {
		texts = append(texts, string(data), strings.Join(strings.Fields(string(data)), ""))
	})
	for _, text := range texts {
		want, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		want = pointed(want)
		if got, p := decodeAny([]byte(text)); p != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v (%v), want %v", text, got, p, want)
		}
	}
	if got, p := decodeAny([]byte(`[1.5, 2e2, -1E-3, 1e-999999999]`)); p != nil || !reflect.DeepEqual(got, []any{1.5, 200.0, -0.001, 0.0}) {
		t.Errorf("got %v (%v)", got, p)
	}
}

func TestFirstFaultIsAlwaysTheSame(t *testing.T) {
	v := newValidator(t)
	data := []byte(`{"zebra": 1, "colour": 2, "instruments": [], "amount": {"amount": "-1", "currency": "x"}, "valid_until": 3}`)
	for range 50 { // the library walks maps
		_, err := v.Payload(events.TypePublishDemand, data)
		if p := problem(t, "many faults", nil, err); p.Field != "/amount/amount" || !events.ErrMoney.Is(p) {
			t.Fatalf("refused as %v", p)
		}
	}
}

func TestRefusalsSpeakBothLanguages(t *testing.T) {
	v := newValidator(t)
	_, err := v.Payload(events.TypeWithdrawDemand, []byte(`{"reason": "结清", "document": 7}`))
	p := problem(t, "type", nil, err)
	if p.Detail != "类型应为字符串，收到数值" || p.DetailEN != "the type must be string, not number" {
		t.Errorf("%q, %q", p.Detail, p.DetailEN)
	}
	_, err = v.Payload(events.TypeConsent, []byte(`{"purpose": "resale", "until": "2027-01-01"}`))
	p = problem(t, "enum", nil, err)
	if !strings.Contains(p.Detail, "matching、statistics") || !strings.Contains(p.DetailEN, "matching, statistics") {
		t.Errorf("%q, %q", p.Detail, p.DetailEN)
	}
	_, err = v.Payload(events.TypeWithdrawDemand, []byte(`{}`))
	if p = problem(t, "required", nil, err); p.Field != "/reason" || p.Detail != "缺少必填字段 reason" {
		t.Errorf("%v %q", p, p.Detail)
	}
}

func TestManyAtOnce(t *testing.T) {
	v := newValidator(t)
	data := map[string][]byte{
		events.TypePublishDemand:      readExample(t, "demand/publish/valid-loan.json"),
		events.TypePublishOffer:       readExample(t, "offer/publish/valid-ip-loan.json"),
		events.TypeRegisterEnterprise: readExample(t, "enterprise/register/valid-full.json"),
	}
	var wg sync.WaitGroup
	failures := make(chan error, 32*len(data))
	for range 32 {
		for typ, b := range data {
			wg.Go(func() {
				if _, err := v.Payload(typ, b); err != nil {
					failures <- fmt.Errorf("%s: %w", typ, err)
				}
			})
		}
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
}

func TestEverySchemaCompiles(t *testing.T) {
	for typ, c := range newValidator(t).types {
		if _, err := c.compile(); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
		if _, err := c.quick(); err != nil {
			t.Errorf("%s is judged the slow way: %v", typ, err)
		}
	}
	for _, id := range []string{"https://example.com/schema", "urn:jieli:schema:demand:publish:v2", "urn:jieli:schema:demand:imagined:v1"} {
		if _, err := (embedded{}).Load(id); err == nil {
			t.Errorf("%s was loaded", id)
		}
	}
}

func FuzzPayload(f *testing.F) {
	v := newValidator(f)
	for _, name := range []string{"demand/publish/valid-loan.json", "demand/publish/valid-equity.json"} {
		f.Add(readExample(f, name))
	}
	f.Add([]byte(`{"amount": {"amount": "1e5", "currency": ""}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		payload, err := v.Payload(events.TypePublishDemand, data)
		if err != nil {
			problem(t, "fuzz", payload, err)
			return
		}
		again, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		back, err := v.Payload(events.TypePublishDemand, again)
		if written, _ := json.Marshal(back); err != nil || string(written) != string(again) {
			t.Fatalf("what was accepted is not accepted as written again: %v\n%s\n%s", err, data, again)
		}
	})
}

func BenchmarkPayload(b *testing.B) {
	v := newValidator(b)
	for _, c := range []struct{ name, typ, example string }{
		{"demand.publish", events.TypePublishDemand, "demand/publish/valid-loan.json"},
		{"offer.publish", events.TypePublishOffer, "offer/publish/valid-ip-loan.json"},
		{"offer.reserve", events.TypeReserveCapacity, "offer/reserve/valid-ip-loan.json"},
	} {
		data := readExample(b, c.example)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := v.Payload(c.typ, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
