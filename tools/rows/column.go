package rows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// targetColumn names the enterprise that a profile or title belongs to.
const targetColumn = "id"

// column says how a cell becomes a JSON value.
type column int

const (
	textColumn column = iota
	integerColumn
	booleanColumn
	listColumn
	moneyColumn
	monthsColumn
	jsonColumn
)

var payloads = map[Kind]reflect.Type{
	Enterprise: reflect.TypeFor[events.RegisterEnterprise](),
	Party:      reflect.TypeFor[events.RegisterParty](),
	Offer:      reflect.TypeFor[events.PublishOffer](),
	Demand:     reflect.TypeFor[events.PublishDemand](),
	Profile:    reflect.TypeFor[events.Profile](),
	Title:      reflect.TypeFor[events.Title](),
}

// columnsOf reads the columns off the payload's Go type, which a test of the contracts holds to the schema.
func columnsOf(kind Kind) (map[string]column, error) {
	t, ok := payloads[kind]
	if !ok {
		return nil, fmt.Errorf("rows: a CSV file holds one kind, not %q", kind)
	}
	out := map[string]column{}
	addColumns(out, "", t)
	if kind == Profile || kind == Title {
		out[targetColumn] = textColumn
	}
	return out, nil
}

func addColumns(out map[string]column, prefix string, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			addColumns(out, prefix, f.Type)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		name = prefix + name
		ft := f.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		switch {
		case ft == reflect.TypeFor[events.Money]():
			out[name] = moneyColumn
			out[name+".amount"], out[name+".currency"] = textColumn, textColumn
		case ft == reflect.TypeFor[events.Months]():
			out[name] = monthsColumn
			out[name+".min"], out[name+".max"] = integerColumn, integerColumn
		case ft == reflect.TypeFor[time.Time](), ft.Kind() == reflect.String:
			out[name] = textColumn
		case ft.Kind() == reflect.Int, ft.Kind() == reflect.Int64:
			out[name] = integerColumn
		case ft.Kind() == reflect.Bool:
			out[name] = booleanColumn
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.String:
			out[name] = listColumn
		case ft.Kind() == reflect.Struct:
			addColumns(out, name+".", ft)
		default:
			out[name] = jsonColumn
		}
	}
}

func columnNames(columns map[string]column) []string {
	var out []string
	for name := range columns {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (c column) read(name, cell string) (any, *events.Problem) {
	field := "/" + strings.ReplaceAll(name, ".", "/")
	switch c {
	case integerColumn:
		n, err := strconv.ParseInt(cell, 10, 64)
		if err != nil {
			return nil, events.ErrSchema.Refusef(field, "%q 不是整数", "%q is not an integer", cell)
		}
		return n, nil
	case booleanColumn:
		b, err := strconv.ParseBool(cell)
		if err != nil {
			return nil, events.ErrSchema.Refusef(field, "%q 应为 true 或 false", "%q should be true or false", cell)
		}
		return b, nil
	case listColumn:
		var out []string
		for v := range strings.FieldsFuncSeq(cell, func(r rune) bool { return r == ';' || r == '；' }) {
			out = append(out, strings.TrimSpace(v))
		}
		return out, nil
	case moneyColumn:
		amount, currency, ok := strings.Cut(cell, " ")
		if !ok {
			return nil, events.ErrMoney.Refusef(field, "%q 缺少货币，应写作 5000000.00 CNY", "%q has no currency; write 5000000.00 CNY", cell)
		}
		return map[string]string{"amount": amount, "currency": strings.TrimSpace(currency)}, nil
	case monthsColumn:
		low, high, ok := strings.Cut(cell, "-")
		if !ok {
			high = low
		}
		least, err := strconv.Atoi(strings.TrimSpace(low))
		most, err2 := strconv.Atoi(strings.TrimSpace(high))
		if err != nil || err2 != nil {
			return nil, events.ErrSchema.Refusef(field, "%q 不是月数，应写作 24 或 12-36", "%q is not a number of months; write 24 or 12-36", cell)
		}
		return events.Months{Min: least, Max: most}, nil
	case jsonColumn:
		if !json.Valid([]byte(cell)) {
			return nil, events.ErrMalformed.Refuse(field, "该单元格应为 JSON", "the cell should be JSON")
		}
		return json.RawMessage(cell), nil
	}
	return cell, nil
}
