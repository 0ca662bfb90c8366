package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// streams makes and changes streams: jetstream.JetStream, as far as limits need it.
type streams interface {
	UpdateStream(ctx context.Context, c jetstream.StreamConfig) (jetstream.Stream, error)
}

// limited gives a stream another limit where it has another one. 0 leaves it as it is.
func limited(ctx context.Context, js streams, stream jetstream.Stream, bytesMax int64) (jetstream.Stream, error) {
	config := stream.CachedInfo().Config
	if bytesMax == 0 || config.MaxBytes == bytesMax {
		return stream, nil
	}
	config.MaxBytes, config.Discard = bytesMax, jetstream.DiscardNew
	changed, err := js.UpdateStream(ctx, config)
	if err != nil {
		return stream, fmt.Errorf("ledger: limit of stream %s, %d bytes: %w", config.Name, bytesMax, err)
	}
	return changed, nil
}

// Codes of the broker that mean "surely not stored".
var noSpace = map[jetstream.ErrorCode]bool{
	10023: true, // insufficient resources
	10028: true, // memory resources exceeded
	10047: true, // storage resources exceeded
	10054: true, // message size exceeds maximum
	10077: true, // maximum messages or bytes exceeded
}

// The canary: a stream of the ledgers' kind on which readiness writes, so that no ledger need be written to prove that it could be.
const (
	canaryStream  = "CANARY"
	canarySubject = "jieli.canary."
	canaryBytes   = 1 << 20
)

// canary writes one message that is on disk when it is acknowledged, in the place of the one before it.
func (b *JetStream) canary(ctx context.Context, owner string) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	if _, err := b.js.Publish(ctx, canarySubject+owner, []byte(time.Now().UTC().Format(time.RFC3339Nano)), jetstream.WithRetryAttempts(0)); err != nil {
		return fmt.Errorf("the canary could not be written: %w", err)
	}
	return nil
}

func (b *JetStream) openCanary(ctx context.Context) error {
	config := jetstream.StreamConfig{Name: canaryStream, Description: "readiness writes here what a ledger would have to take", Subjects: []string{canarySubject + "*"},
		Storage: jetstream.FileStorage, Replicas: b.Replicas, MaxMsgsPerSubject: 1, MaxBytes: canaryBytes, Discard: jetstream.DiscardOld}
	if _, err := b.js.Stream(ctx, canaryStream); err == nil {
		return nil
	}
	if _, err := b.js.CreateOrUpdateStream(ctx, config); err != nil {
		return fmt.Errorf("ledger: stream %s: %w", canaryStream, err)
	}
	return nil
}

// FullError says that a stream has no room for another commit.
type FullError struct {
	Stream          string
	Bytes, BytesMax uint64
}

func (e *FullError) Error() string {
	return fmt.Sprintf("stream %s is full: %d of %d bytes; give it more with --max-disk, on a larger disk if need be / 流 %s 已满（%d/%d 字节），请加大 --max-disk 或换更大的磁盘",
		e.Stream, e.Bytes, e.BytesMax, e.Stream, e.Bytes, e.BytesMax)
}

// full reports whether a stream's limit leaves no room for what one command may cause, or for a fiftieth of it where it is small.
func (s StreamSize) full() error {
	if s.BytesMax <= 0 {
		return nil
	}
	need := min(uint64(CommandBytesMax), uint64(s.BytesMax)/50)
	if s.Bytes+need <= uint64(s.BytesMax) {
		return nil
	}
	return &FullError{s.Stream, s.Bytes, uint64(s.BytesMax)}
}

// Writable reports, by stream, whether it could take another message: within its limit, and with a broker that brings a canary to disk.
// owner names whose canary it is. A stream that is asked for and not there is an error, too.
func (b *JetStream) Writable(ctx context.Context, owner string, names []string) map[string]error {
	out := make(map[string]error, len(names))
	sizes, err := b.Sizes(ctx)
	if err == nil {
		err = b.canary(ctx, owner)
	}
	known := make(map[string]StreamSize, len(sizes))
	for _, s := range sizes {
		known[s.Stream] = s
	}
	for _, name := range names {
		s, ok := known[name]
		switch {
		case err != nil:
			out[name] = err
		case !ok:
			out[name] = fmt.Errorf("stream %s is not there", name)
		default:
			out[name] = s.full()
		}
	}
	return out
}
