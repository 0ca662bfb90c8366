package ledger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// TestForgotten: after a rebuild the broker once knew no id of a stream's last message, and the relay named it for ever in vain. The
// id of another writer's message is no such case: there the writer begins again behind that one.
func TestForgotten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errNoAck, false},
		{errors.New("wrong last msg ID: "), false},
		{fmt.Errorf("message 44: %w", &jetstream.APIError{Code: 400, ErrorCode: 10070, Description: "wrong last msg ID: "}), true},
		{&jetstream.APIError{Code: 400, ErrorCode: 10070, Description: "wrong last msg ID: demand.0:7:1"}, false},
		{&jetstream.APIError{Code: 400, ErrorCode: 10071, Description: "wrong last sequence:"}, false},
	} {
		if got := forgotten(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
