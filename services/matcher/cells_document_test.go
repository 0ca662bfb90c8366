package matcher

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// scramble fills every field a document can hold, so that one that a contract gains is tried without a change here.
func scramble(d dice, v reflect.Value) {
	if v.Type() == timeType {
		v.Set(reflect.ValueOf(time.Unix(int64(d.below(1<<40))-1<<39, int64(d.below(1_000_000_000))).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"", "credit_loan", "示例", fmt.Sprint(d.below(1000))}[d.below(4)])
	case reflect.Bool:
		v.SetBool(d.below(2) == 1)
	case reflect.Uint64:
		v.SetUint(uint64(d.below(1 << 40)))
	case reflect.Pointer:
		if d.below(2) == 1 {
			v.Set(reflect.New(v.Type().Elem()))
			scramble(d, v.Elem())
		}
	case reflect.Slice:
		if n := d.below(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n-1))
			for i := range n - 1 {
				scramble(d, v.Index(i))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			scramble(d, v.Field(i))
		}
	default:
		v.SetInt(int64(d.below(1<<30)) - 1<<29)
	}
}

func TestDocumentsComeBack(t *testing.T) {
	c := newCodec(reflect.TypeFor[offerDocument](), reflect.TypeFor[demandDocument]())
	rapid.Check(t, func(t *rapid.T) {
		var o, oBack offerDocument
		var d, dBack demandDocument
		scramble(rapidDice{t}, reflect.ValueOf(&o).Elem())
		scramble(rapidDice{t}, reflect.ValueOf(&d).Elem())
		b := c.append(c.append(nil, &o), &d)
		rest := c.read(c.read(b, &oBack), &dBack)
		if len(rest) > 0 || !reflect.DeepEqual(o, oBack) || !reflect.DeepEqual(d, dBack) {
			t.Fatalf("%d bytes left\n%+v\n%+v\n%+v\n%+v", len(rest), o, oBack, d, dBack)
		}
	})
}
