package edge

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// locate words why a payload that follows its schema does not fit its Go type: an amount with too many decimals for its currency,
// a currency that does not exist, the 30th of February. The decoder's own error does not say where; a second walk does.
func locate(data []byte, payload any, cause error) *events.Problem {
	var raw json.RawMessage = data
	if p := misfit(raw, reflect.TypeOf(payload).Elem(), ""); p != nil {
		return p
	}
	return events.ErrSchema.Refuse("", "内容与类型不符", cause.Error())
}

var (
	moneyType   = reflect.TypeFor[events.Money]()
	instantType = reflect.TypeFor[time.Time]()
)

// misfit finds the first value, in the order of the Go type's fields, that does not decode into its place.
func misfit(raw json.RawMessage, typ reflect.Type, at string) *events.Problem {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == moneyType:
		return misfitMoney(raw, at)
	case typ == instantType:
		if err := json.Unmarshal(raw, new(time.Time)); err != nil {
			return events.ErrDates.Refuse(at, "没有这一时刻", "there is no such instant")
		}
		return nil
	}
	switch typ.Kind() {
	case reflect.Struct:
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return nil // the schema has seen to objects being objects
		}
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if value, ok := fields[name]; ok && !f.Anonymous {
				if p := misfit(value, f.Type, at+"/"+name); p != nil {
					return p
				}
			}
		}
	case reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return nil
		}
		for i, item := range items {
			if p := misfit(item, typ.Elem(), at+"/"+strconv.Itoa(i)); p != nil {
				return p
			}
		}
	default:
		if err := json.Unmarshal(raw, reflect.New(typ).Interface()); err != nil {
			return events.ErrSchema.Refuse(at, "数值须写作整数，不带小数点和指数", "a number is written without point and exponent")
		}
	}
	return nil
}

func misfitMoney(raw json.RawMessage, at string) *events.Problem {
	var m struct{ Amount, Currency string }
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	_, err := events.ParseMoney(m.Amount, m.Currency)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, events.ErrMoneyCurrency):
		return events.ErrCurrency.Refusef(at+"/currency", "没有币种 %s", "there is no currency %s", m.Currency)
	case errors.Is(err, events.ErrMoneyPrecision):
		c, _ := codes.Currency(m.Currency)
		return events.ErrMoney.Refusef(at+"/amount", "%[1]s 的金额最多 %[2]d 位小数", "amounts of %[1]s have at most %[2]d decimals", m.Currency, c.MinorUnits)
	case errors.Is(err, events.ErrMoneyRange):
		return events.ErrMoney.Refuse(at+"/amount", "金额超出可表示的范围", "the amount is beyond what can be counted")
	}
	return events.ErrMoney.Refuse(at+"/amount", "金额不正确", err.Error())
}
