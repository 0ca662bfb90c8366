package events

import (
	"strings"
	"testing"
)

const least = `"id":"1","source":"s","specversion":"1.0","type":"t"`

func TestDecodeJSONRefuses(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	many := make([]string, MaxExtensions+1)
	for i := range many {
		many[i] = `"x` + string(rune('a'+i%26)) + string(rune('a'+i/26)) + `":1`
	}
	for _, c := range []struct {
		name, in string
		kind     ProblemKind
		field    string
	}{
		{"nothing", ``, ErrMalformed, ""},
		{"an array", `[]`, ErrMalformed, ""},
		{"a number", `1`, ErrMalformed, ""},
		{"cut off", `{` + least, ErrMalformed, ""},
		{"cut in a key", `{"id`, ErrMalformed, ""},
		{"no colon", `{"id" "1"}`, ErrMalformed, ""},
		{"comma at the end", `{` + least + `,}`, ErrMalformed, ""},
		{"trailing bytes", `{` + least + `} x`, ErrMalformed, ""},
		{"two events", `{` + least + `}{` + least + `}`, ErrMalformed, ""},
		{"trailing NUL", `{` + least + "}\x00", ErrEncoding, ""},
		{"byte order mark", "\ufeff{" + least + `}`, ErrMalformed, ""},
		{"empty object", `{}`, ErrMalformed, "id"},
		{"no id", `{"source":"s","specversion":"1.0","type":"t"}`, ErrMalformed, "id"},
		{"empty id", `{"id":"","source":"s","specversion":"1.0","type":"t"}`, ErrMalformed, "id"},
		{"null id", `{"id":null,"source":"s","specversion":"1.0","type":"t"}`, ErrMalformed, "id"},
		{"blank id", `{"id":" ","source":"s","specversion":"1.0","type":"t"}`, ErrMalformed, "id"},
		{"numeric id", `{"id":1,"source":"s","specversion":"1.0","type":"t"}`, ErrMalformed, "id"},
		{"no source", `{"id":"1","specversion":"1.0","type":"t"}`, ErrMalformed, "source"},
		{"bad source", `{"id":"1","source":"http://[::1","specversion":"1.0","type":"t"}`, ErrMalformed, "source"},
		{"no type", `{"id":"1","source":"s","specversion":"1.0"}`, ErrMalformed, "type"},
		{"no specversion", `{"id":"1","source":"s","type":"t"}`, ErrMalformed, "specversion"},
		{"another specversion", `{"id":"1","source":"s","specversion":"0.3","type":"t"}`, ErrMalformed, "specversion"},
		{"id twice", `{` + least + `,"id":"1"}`, ErrDuplicateKey, "id"},
		{"id twice, escaped", `{` + least + `,"\u0069d":"1"}`, ErrDuplicateKey, "id"},
		{"subject twice, null", `{` + least + `,"subject":null,"subject":"x"}`, ErrDuplicateKey, "subject"},
		{"extension twice", `{` + least + `,"b":"1","a":"2","b":"3"}`, ErrDuplicateKey, "b"},
		{"extension twice, null", `{` + least + `,"b":null,"b":"3"}`, ErrDuplicateKey, "b"},
		{"data twice", `{` + least + `,"data":1,"data":1}`, ErrDuplicateKey, "data"},
		{"both data", `{` + least + `,"data":1,"data_base64":"AA=="}`, ErrMalformed, "data_base64"},
		{"upper-case name", `{` + least + `,"Region":"1"}`, ErrMalformed, "Region"},
		{"name with underscore", `{` + least + `,"a_b":"1"}`, ErrMalformed, "a_b"},
		{"empty name", `{` + least + `,"":"1"}`, ErrMalformed, ""},
		{"long name", `{` + least + `,"abcdefghijklmnopqrstu":"1"}`, ErrMalformed, "abcdefghijklmnopqrstu"},
		{"very long name", `{` + least + `,"` + strings.Repeat("a", 65) + `":"1"}`, ErrMalformed, ""},
		{"too many extensions", `{` + least + `,` + strings.Join(many, ",") + `}`, ErrTooLarge, ""},
		{"object extension", `{` + least + `,"ext":{}}`, ErrMalformed, "ext"},
		{"array extension", `{` + least + `,"ext":[1]}`, ErrMalformed, "ext"},
		{"fraction", `{` + least + `,"ext":1.0}`, ErrRange, "ext"},
		{"exponent", `{` + least + `,"ext":1e2}`, ErrRange, "ext"},
		{"integer over 32 bits", `{` + least + `,"ext":2147483648}`, ErrRange, "ext"},
		{"integer under 32 bits", `{` + least + `,"ext":-2147483649}`, ErrRange, "ext"},
		{"integer over 64 bits", `{` + least + `,"ext":99999999999999999999}`, ErrRange, "ext"},
		{"leading zero", `{` + least + `,"ext":01}`, ErrMalformed, ""},
		{"NaN", `{` + least + `,"ext":NaN}`, ErrMalformed, "ext"},
		{"half a literal", `{` + least + `,"ext":tru}`, ErrMalformed, "ext"},
		{"invalid UTF-8 in an id", "{\"id\":\"\xff\",\"source\":\"s\",\"specversion\":\"1.0\",\"type\":\"t\"}", ErrEncoding, "id"},
		{"invalid UTF-8 between tokens", "{\xff" + least + "}", ErrEncoding, ""},
		{"overlong NUL in data", `{` + least + ",\"data\":{\"a\":\"\xc0\x80\"}}", ErrEncoding, "/a"},
		{"raw NUL in a subject", `{` + least + ",\"subject\":\"a\x00\"}", ErrEncoding, "subject"},
		{"escaped NUL in an extension", `{` + least + `,"ext":"a\u0000"}`, ErrEncoding, "ext"},
		{"escaped NUL in data", `{` + least + `,"data":{"a":[1,{"b/c~":"\u0000"}]}}`, ErrEncoding, "/a/1/b~1c~0"},
		{"escaped NUL in text", `{` + least + `,"datacontenttype":"text/plain","data":"\u0000"}`, ErrEncoding, "data"},
		{"lone surrogate", `{` + least + `,"subject":"\ud800"}`, ErrEncoding, "subject"},
		{"reversed surrogates", `{` + least + `,"subject":"\udc00\ud800"}`, ErrEncoding, "subject"},
		{"line feed in a subject", `{` + least + `,"subject":"a\nb"}`, ErrEncoding, "subject"},
		{"C1 control in a type", `{"id":"1","source":"s","specversion":"1.0","type":"a\u0085b"}`, ErrEncoding, "type"},
		{"noncharacter", `{` + least + `,"ext":"\uffff"}`, ErrEncoding, "ext"},
		{"raw control character", `{` + least + ",\"subject\":\"a\nb\"}", ErrMalformed, "subject"},
		{"unknown escape", `{` + least + `,"subject":"\x"}`, ErrMalformed, "subject"},
		{"short escape", `{` + least + `,"subject":"\u12"}`, ErrMalformed, "subject"},
		{"nesting 65", `{` + least + `,"data":` + deep(65) + `}`, ErrTooDeep, strings.Repeat("/0", 64)},
		{"nesting 1000", `{` + least + `,"data":` + strings.Repeat("[", 1000) + `}`, ErrTooDeep, strings.Repeat("/0", 64)},
		{"duplicate key in data", `{` + least + `,"data":{"a":{"b":1,"c":2,"b":3}}}`, ErrDuplicateKey, "/a/b"},
		{"integer beyond 2^53 in data", `{` + least + `,"data":{"n":9007199254740993}}`, ErrRange, "/n"},
		{"NaN in data", `{` + least + `,"data":{"n":NaN}}`, ErrMalformed, "/n"},
		{"malformed data", `{` + least + `,"data":{"n"}}`, ErrMalformed, "data"},
		{"text that is an object", `{` + least + `,"datacontenttype":"text/plain","data":{}}`, ErrMalformed, "data"},
		{"text that is null", `{` + least + `,"datacontenttype":"text/plain","data":null}`, ErrMalformed, "data"},
		{"bad base64", `{` + least + `,"data_base64":"%"}`, ErrMalformed, "data_base64"},
		{"loose base64", `{` + least + `,"data_base64":"AB=="}`, ErrMalformed, "data_base64"},
		{"base64 not a string", `{` + least + `,"data_base64":1}`, ErrMalformed, "data_base64"},
		{"a day without time", `{` + least + `,"time":"2026-11-22"}`, ErrMalformed, "time"},
		{"no zone", `{` + least + `,"time":"2026-11-22T00:00:00"}`, ErrMalformed, "time"},
		{"comma in a second", `{` + least + `,"time":"2026-11-22T00:00:00,5Z"}`, ErrMalformed, "time"},
		{"one-digit hour", `{` + least + `,"time":"2026-11-22T1:00:00Z"}`, ErrMalformed, "time"},
		{"zone over a day", `{` + least + `,"time":"2026-11-22T00:00:00+24:00"}`, ErrMalformed, "time"},
		{"second without fraction", `{` + least + `,"time":"2026-11-22T00:00:00.Z"}`, ErrMalformed, "time"},
		{"30 February", `{` + least + `,"time":"2026-02-30T00:00:00Z"}`, ErrMalformed, "time"},
		{"year 10000 in UTC", `{` + least + `,"time":"9999-12-31T23:59:59-01:00"}`, ErrMalformed, "time"},
		{"bad content type", `{` + least + `,"datacontenttype":"json; a"}`, ErrMalformed, "datacontenttype"},
		{"relative schema", `{` + least + `,"dataschema":"a/b"}`, ErrMalformed, "dataschema"},
		{"long value", `{` + least + `,"ext":"` + strings.Repeat("a", MaxAttributeBytes+1) + `"}`, ErrTooLarge, "ext"},
		{"long data", `{` + least + `,"data":"` + strings.Repeat("a", MaxDataBytes) + `"}`, ErrTooLarge, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := DecodeJSON([]byte(c.in))
			requireProblem(t, err, c.kind, c.field)
			_, err = DecodeBatch([]byte(`[{`+least+`},`+c.in+`]`), 2)
			if err == nil {
				t.Fatal("the batch decoder takes it")
			}
		})
	}
}

func TestDecodeJSONAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     Event
	}{
		{"any order and blanks", " {\t\"type\":\"t\" ,\r\n\"data\" : [ 1 ] , \"specversion\":\"1.0\",\"source\":\"s\",\"id\":\"1\"}\n", Event{Data: []byte("[ 1 ]")}},
		{"content type after data", `{"data":"a\u00e9","datacontenttype":"text/plain",` + least + `}`, Event{DataContentType: "text/plain", Data: []byte("aé")}},
		{"a JSON string", `{` + least + `,"data":"a\u00e9"}`, Event{Data: []byte(`"a\u00e9"`)}},
		{"JSON null", `{` + least + `,"data":null}`, Event{Data: []byte(`null`)}},
		{"empty text", `{` + least + `,"datacontenttype":"text/plain","data":""}`, Event{DataContentType: "text/plain", Data: []byte{}}},
		{"null and empty attributes", `{` + least + `,"subject":"","time":null,"datacontenttype":"","dataschema":null,"ext":null,"data_base64":null}`, Event{}},
		{"kinds", `{` + least + `,"s":"","i":-0,"b":false,"a":2147483647}`, Event{Extensions: []Extension{
			{"a", "2147483647", Integer}, {"b", "false", Boolean}, {"i", "0", Integer}, {"s", "", String}}}},
		{"escaped name and value", `{` + least + `,"\u0065xt":"\ud83d\ude00\/\"\\\b"}`, Event{}},
		{"64 levels", `{` + least + `,"data":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
			Event{Data: []byte(strings.Repeat("[", 64) + strings.Repeat("]", 64))}},
		{"2^53", `{` + least + `,"data":-9007199254740992}`, Event{Data: []byte("-9007199254740992")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeJSON([]byte(c.in))
			if c.name == "escaped name and value" {
				requireProblem(t, err, ErrEncoding, "ext") // \b is a control character; the name was resolved
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.want.ID, c.want.Source, c.want.Type = "1", "s", "t"
			requireSame(t, &c.want, &got)
		})
	}
}

func TestDecodeBatchRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{``, `{}`, `[`, `[{` + least + `}`, `[{` + least + `},]`, `[,]`, `[{` + least + `} {` + least + `}]`, `[] x`, `[[]]`, `null`, `[null]`, "[]\x00"} {
		if _, err := DecodeBatch([]byte(in), 10); err == nil {
			t.Errorf("DecodeBatch takes %q", in)
		}
		if err := RangeBatch([]byte(in), func(*Event) error { return nil }); err == nil {
			t.Errorf("RangeBatch takes %q", in)
		}
	}
	_, err := DecodeBatch([]byte(`[{`+least+`},{`+least+`,"id":"2"}]`), 10)
	requireProblem(t, err, ErrDuplicateKey, "id")
	if p := err.(*Problem); p.DetailEN != "event 2" {
		t.Errorf("which event? %q", p.DetailEN)
	}
}

// Data is not copied, and can't be appended into what follows it.
func TestDecodedDataAliases(t *testing.T) {
	t.Parallel()
	b := []byte(`{` + least + `,"data":{"a":1}}`)
	e, err := DecodeJSON(b)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-3] = '2'
	if string(e.Data) != `{"a":2}` || cap(e.Data) != len(e.Data) {
		t.Fatalf("%s, capacity %d", e.Data, cap(e.Data))
	}
}
