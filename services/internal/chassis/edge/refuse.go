package edge

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// fault is one violation of a schema, worded.
type fault struct {
	field      string // JSON pointer
	rank       int    // of several faults at one field the lowest is told
	definition string // the shared definition whose value is wrong: "money"; "" for other places
	value      bool   // the value itself is wrong: its definition has better words for it
	zh, en     string
}

// refuse turns what the schema found into one refusal: the fault whose pointer comes first, since the library finds the fields
// of an object in no fixed order and a sender who repeats a command should read the same answer.
func refuse(err error) *events.Problem {
	var ve *jsonschema.ValidationError
	if !errors.As(err, &ve) {
		return events.ErrInternal.Refuse("", "契约校验失败", err.Error())
	}
	var faults []fault
	collect(ve, &faults)
	first := slices.MinFunc(faults, func(a, b fault) int {
		if c := strings.Compare(a.field, b.field); c != 0 {
			return c
		}
		return a.rank - b.rank
	})
	if d, ok := definitions[first.definition]; ok && first.value {
		return d.kind.Refuse(first.field, d.zh, d.en)
	}
	if first.definition == "money" && strings.HasSuffix(first.field, "/amount") {
		return refuseAmount(first)
	}
	return events.ErrSchema.Refuse(first.field, first.zh, first.en)
}

// definitions say what a wrong value of a shared definition is called.
var definitions = map[string]struct {
	kind   events.ProblemKind
	zh, en string
}{
	"id":       {events.ErrID, "编号只能含字母、数字和 _ ~ : -，1 至 64 位", "an id is 1 to 64 of letters, digits and _ ~ : -"},
	"uscc":     {events.ErrUSCC, "统一社会信用代码为 18 位数字或大写字母（不含 I、O、S、V、Z）", "a unified social credit code has 18 digits or capital letters other than I, O, S, V, Z"},
	"region":   {events.ErrRegion, "行政区划代码为 6 位数字（GB/T 2260）", "a region is a code of six digits (GB/T 2260)"},
	"industry": {events.ErrIndustry, "行业代码为门类字母加 0、2、3 或 4 位数字（GB/T 4754）", "an industry is a section letter and 0, 2, 3 or 4 digits (GB/T 4754)"},
	"currency": {events.ErrCurrency, "币种为三位大写字母（ISO 4217）", "a currency is three capital letters (ISO 4217)"},
	"code":     {events.ErrCode, "代码由小写字母、数字和下划线组成", "a code is made of lower-case letters, digits and underscores"},
	"date":     {events.ErrDates, "日期应写作 YYYY-MM-DD", "a day is written YYYY-MM-DD"},
	"instant":  {events.ErrDates, "时刻应按 RFC 3339 书写并带时区，如 2027-06-30T15:59:59Z", "an instant is written as in RFC 3339 with its offset, such as 2027-06-30T15:59:59Z"},
}

func refuseAmount(f fault) *events.Problem {
	if f.value {
		return events.ErrMoney.Refuse(f.field, "金额应为不带符号的十进制数，整数部分最多 16 位，小数最多 4 位", "an amount is a decimal number without a sign, with at most 16 digits before the point and 4 after it")
	}
	return events.ErrMoney.Refuse(f.field, f.zh, f.en)
}

func collect(e *jsonschema.ValidationError, out *[]fault) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			collect(cause, out)
		}
		return
	}
	*out = append(*out, word(e))
}

// word says in two languages what one violation is.
func word(e *jsonschema.ValidationError) fault {
	f := fault{field: pointer(e.InstanceLocation)}
	if rest, ok := strings.CutPrefix(e.SchemaURL, contracts.SchemaPrefix+"defs:"); ok {
		f.definition, _, _ = strings.Cut(rest, ":")
	}
	say := func(rank int, value bool, zh, en string, args ...any) fault {
		f.rank, f.value, f.zh, f.en = rank, value, fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)
		return f
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		f.zh = "类型应为" + typesZH[k.Want[0]] + "，收到" + typesZH[k.Got]
		f.en = "the type must be " + k.Want[0] + ", not " + k.Got
		return f
	case *kind.Required:
		name := slices.Min(k.Missing)
		f.field += "/" + escape(name)
		return say(1, false, "缺少必填字段 %s", "the field %s is required", name)
	case *kind.AdditionalProperties:
		name := slices.Min(k.Properties)
		f.field += "/" + escape(name)
		return say(1, false, "契约中没有字段 %.80q", "the schema has no field %.80q", name)
	case *kind.Enum:
		want := make([]string, len(k.Want))
		for i, v := range k.Want {
			want[i] = fmt.Sprint(v)
		}
		f.rank, f.zh, f.en = 2, "取值应为 "+strings.Join(want, "、")+" 之一", "the value must be one of "+strings.Join(want, ", ")
		return f
	case *kind.MinLength:
		return say(2, true, "至少 %d 个字符，现有 %d 个", "at least %d characters, not %d", k.Want, k.Got)
	case *kind.MaxLength:
		return say(2, true, "最多 %d 个字符，现有 %d 个", "at most %d characters, not %d", k.Want, k.Got)
	case *kind.Pattern:
		if f.definition == "money" && strings.HasPrefix(k.Got, "-") {
			return say(3, false, "金额不能为负", "an amount is never negative")
		}
		if f.definition == "line" || f.definition == "name" || f.definition == "document" {
			return say(3, false, "文字中含有控制字符、换行或改变书写方向的字符", "the text has control characters, line breaks or marks that turn the direction of writing")
		}
		return say(3, true, "格式不正确，应符合 %s", "the form must be %s", k.Want)
	case *kind.Minimum:
		return say(2, false, "不得小于 %s", "at least %s", k.Want.RatString())
	case *kind.Maximum:
		return say(2, false, "不得大于 %s", "at most %s", k.Want.RatString())
	case *kind.MinItems:
		return say(2, false, "至少 %d 项，现有 %d 项", "at least %d items, not %d", k.Want, k.Got)
	case *kind.MaxItems:
		return say(2, false, "最多 %d 项，现有 %d 项", "at most %d items, not %d", k.Want, k.Got)
	case *kind.UniqueItems:
		return say(2, false, "第 %d 项与第 %d 项重复", "items %d and %d are the same", k.Duplicates[0]+1, k.Duplicates[1]+1)
	case *kind.MinProperties:
		return say(2, false, "至少 %d 个字段，现有 %d 个", "at least %d fields, not %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return say(2, false, "最多 %d 个字段，现有 %d 个", "at most %d fields, not %d", k.Want, k.Got)
	}
	f.rank, f.zh, f.en = 4, "不符合契约", e.Error()
	return f
}

var typesZH = map[string]string{
	"string": "字符串", "integer": "整数", "number": "数值", "boolean": "布尔值", "object": "对象", "array": "数组", "null": "空值（null）",
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

// escape makes a name one step of a JSON pointer (RFC 6901).
func escape(name string) string { return escaper.Replace(name) }

func pointer(steps []string) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteByte('/')
		b.WriteString(escape(s))
	}
	return b.String()
}
