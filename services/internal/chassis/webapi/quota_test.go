package webapi_test

import (
	"testing"

	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

func TestQuotaLeavesOthersTheirPlaces(t *testing.T) {
	t.Parallel()
	q := webapi.Quota{Total: 3, Each: 2}
	for i, step := range []struct {
		client string
		leave  bool
		ok     bool
		len    int
	}{
		{"a", false, true, 1}, {"a", false, true, 2}, {"a", false, false, 2}, {"b", false, true, 3}, {"c", false, false, 3},
		{"a", true, true, 2}, {"b", false, true, 3}, {"b", true, true, 2}, {"b", true, true, 1}, {"c", false, true, 2}, {"a", false, true, 3},
	} {
		if step.leave {
			q.Leave(step.client)
		} else if ok := q.Enter(step.client); ok != step.ok {
			t.Fatalf("step %d: %t", i, ok)
		}
		if q.Len() != step.len {
			t.Fatalf("step %d: %d places", i, q.Len())
		}
	}
}
