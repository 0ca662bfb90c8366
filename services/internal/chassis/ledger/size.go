package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// StreamSize is what a stream of the broker holds and may hold.
type StreamSize struct {
	Stream   string
	Messages uint64
	Bytes    uint64
	BytesMax int64 // 0 or less: no limit
	Last     uint64
	Ledger   bool // commits of a context
}

func sizeOf(info *jetstream.StreamInfo) StreamSize {
	return StreamSize{Stream: info.Config.Name, Messages: info.State.Msgs, Bytes: info.State.Bytes, BytesMax: info.Config.MaxBytes, Last: info.State.LastSeq,
		Ledger: info.Config.Metadata[metaPartitions] != ""}
}

// Sizes lists the streams of the account.
func (b *JetStream) Sizes(ctx context.Context) ([]StreamSize, error) {
	var list []StreamSize
	streams := b.js.ListStreams(ctx)
	for info := range streams.Info() {
		list = append(list, sizeOf(info))
	}
	if err := streams.Err(); err != nil {
		return nil, fmt.Errorf("ledger: sizes of the streams: %w", err)
	}
	return list, nil
}

// Size is what the stream holds.
func (d *Derived) Size(ctx context.Context) (StreamSize, error) {
	info, err := d.current().Info(ctx)
	if err != nil {
		return StreamSize{}, fmt.Errorf("ledger: derived stream %s: %w", d.config.Name, err)
	}
	return sizeOf(info), nil
}

// StoredAt is when a message was stored.
func (d *Derived) StoredAt(ctx context.Context, sequence uint64) (time.Time, error) {
	m, err := d.current().GetMsg(ctx, sequence)
	if err != nil {
		return time.Time{}, fmt.Errorf("ledger: derived stream %s: %w", d.config.Name, err)
	}
	return m.Time, nil
}

// Sent is how many messages this process has given to the stream, and how many of them may still be on their way.
func (d *Derived) Sent() (messages, unacknowledged uint64) {
	d.out.mu.Lock()
	defer d.out.mu.Unlock()
	if d.out.failed != nil || d.out.next == 0 {
		return d.out.sent, 0
	}
	return d.out.sent, d.out.next - 1 - d.out.acked
}
