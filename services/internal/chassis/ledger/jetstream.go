package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// JetStreamConfig of a JetStream broker.
type JetStreamConfig struct {
	Conn      *nats.Conn       // appends, reads and leases
	Commands  *nats.Conn       // commands and their answers; default Conn
	Followers *nats.Conn       // those who read along; default Conn. Of its own, so that a commit's acknowledgement never queues behind megabytes of catching up
	Replicas  int              // of the ledger streams: 1, 3 or 5
	LeaseTTL  time.Duration    // at least 1 s
	Limits    map[string]int64 // bytes, by stream; a stream that is not named has none
	Log       zerolog.Logger
}

// JetStream is the Broker port on NATS. The server must run with sync_interval always: a commit that is acknowledged is on disk.
type JetStream struct {
	JetStreamConfig
	js        jetstream.JetStream
	followers jetstream.JetStream
	leases    *kvLeases
	audits    atomic.Int64 // under way
}

// Bounds of what the broker keeps and waits for.
const (
	auditBytesMin   = 1 << 20
	auditsAtOnceMax = 1024
	appendTimeout   = 2 * time.Second
	readTimeout     = 2 * time.Second
	metaPartitions  = "jieli.partitions"
	auditStream     = "AUDIT"
	leaseBucket     = "jieli_leases"
)

// NewJetStream prepares the lease bucket and the audit stream.
func NewJetStream(ctx context.Context, c JetStreamConfig) (*JetStream, error) {
	if c.Commands == nil {
		c.Commands = c.Conn
	}
	if c.Followers == nil {
		c.Followers = c.Conn
	}
	js, err := jetstream.New(c.Conn, jetstream.WithPublishAsyncMaxPending(auditsAtOnceMax))
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	followers, err := jetstream.New(c.Followers)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	kv, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: leaseBucket, Description: "writers of ledger partitions", TTL: c.LeaseTTL, Replicas: c.Replicas, Storage: jetstream.MemoryStorage,
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: lease bucket: %w", err)
	}
	_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: auditStream, Description: "refusals at the edge", Subjects: []string{"jieli.audit.>"}, Discard: jetstream.DiscardOld,
		MaxBytes: max(c.Limits[auditStream], auditBytesMin), Replicas: 1, PersistMode: jetstream.AsyncPersistMode, AllowDirect: true,
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: audit stream: %w", err)
	}
	b := &JetStream{JetStreamConfig: c, js: js, followers: followers, leases: &kvLeases{kv, c.LeaseTTL}}
	return b, b.openCanary(ctx)
}

// OpenLog implements Broker.
func (b *JetStream) OpenLog(ctx context.Context, context string, partitions int) (Log, error) {
	name := events.LedgerStream(context)
	stream, err := b.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = b.js.CreateStream(ctx, jetstream.StreamConfig{
			Name:        name,
			Description: "the ledger of " + context + ": the only truth",
			Subjects:    []string{events.LedgerSubject(context, 0)[:len(events.LedgerSubject(context, 0))-1] + "*"},
			Storage:     jetstream.FileStorage,
			Replicas:    b.Replicas,
			Discard:     jetstream.DiscardNew,
			DenyDelete:  true,
			DenyPurge:   true,
			MaxMsgSize:  1 << 20,
			MaxBytes:    b.Limits[name],
			Metadata:    map[string]string{metaPartitions: strconv.Itoa(partitions)},
			// AllowDirect stays off: reads go through the leader.
		})
	}
	if err == nil {
		stream, err = limited(ctx, b.js, stream, b.Limits[name])
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: stream %s: %w", name, err)
	}
	have := stream.CachedInfo().Config.Metadata[metaPartitions]
	if have != strconv.Itoa(partitions) {
		return nil, fmt.Errorf("%w: %s has %s, not %d; run `jieli repartition` or start with --partitions %s", ErrPartitions, name, have, partitions, have)
	}
	return &jetLog{b: b, js: b.js, stream: stream, name: name, context: context, partitions: partitions}, nil
}

// Leases implements Broker.
func (b *JetStream) Leases() Leases { return b.leases }

// writers is the queue group of a partition's writers: while two believe that it is theirs, a command goes to one of them, so that
// "surely not done" from one cannot stand beside a commit of the other.
const writers = "writers"

// Serve implements Broker.
func (b *JetStream) Serve(context string, partition int, handle func(*Request)) (func(), error) {
	var gate sync.Mutex // held while handle runs: the library may still deliver after a drain that took too long
	stopped := false
	sub, err := b.Commands.QueueSubscribe(events.CommandSubject(context, partition), writers, func(m *nats.Msg) {
		gate.Lock()
		defer gate.Unlock()
		if stopped {
			if m.Reply != "" {
				if err := b.Commands.Publish(m.Reply, problemBody(events.ErrOverloaded.Refuse("", "", ""))); err != nil {
					b.Log.Warn().Err(err).Msg("answer not sent")
				}
			}
			return
		}
		r := &Request{}
		if m.Reply != "" {
			reply := m.Reply
			r.Respond = func(body []byte) {
				if err := b.Commands.Publish(reply, body); err != nil {
					b.Log.Warn().Err(err).Msg("answer not sent")
				}
			}
		}
		e, err := events.FromMsg(m)
		r.Event = e
		if err != nil {
			if !errors.As(err, &r.Refused) {
				r.Refused = events.ErrMalformed.Refuse("", "", err.Error())
			}
		}
		handle(r)
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: serve %s: %w", PartitionName(context, partition), err)
	}
	// The queue of the writer is the bound that senders hear of; the library's must not be reached first.
	if err := sub.SetPendingLimits(4*QueueCommandsMax, 256<<20); err != nil {
		return nil, fmt.Errorf("ledger: serve: %w", err)
	}
	return func() {
		defer func() {
			gate.Lock()
			defer gate.Unlock()
			stopped = true
		}()
		closed := make(chan struct{})
		sub.SetClosedHandler(func(string) { close(closed) })
		if err := sub.Drain(); err != nil { // the connection is gone: nothing more will come
			return
		}
		select {
		case <-closed:
		case <-time.After(readTimeout):
		}
	}, nil
}

// Send implements Broker.
func (b *JetStream) Send(ctx context.Context, context string, partition int, e *events.Event) ([]byte, error) {
	m, err := b.Commands.RequestMsgWithContext(ctx, events.ToMsg(events.CommandSubject(context, partition), e))
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

// Audit implements Broker.
func (b *JetStream) Audit(a *Audit) {
	body, err := json.Marshal(a)
	if err != nil || b.audits.Add(1) > auditsAtOnceMax {
		b.audits.Add(-1)
		b.Log.Warn().Str("command", a.Command).Str("problem", a.Problem.Type).Msg("refusal not recorded: too many at once")
		return
	}
	future, err := b.js.PublishAsync("jieli.audit."+a.Context, body)
	if err != nil {
		b.audits.Add(-1)
		b.Log.Warn().Err(err).Str("command", a.Command).Msg("refusal not recorded")
		return
	}
	go func() {
		defer b.audits.Add(-1)
		select {
		case <-future.Ok():
		case err := <-future.Err():
			b.Log.Warn().Err(err).Str("command", a.Command).Msg("refusal not recorded")
		}
	}()
}

type jetLog struct {
	b          *JetStream
	js         jetstream.JetStream
	stream     jetstream.Stream
	name       string
	context    string
	partitions int
}

func (l *jetLog) subject(partition int) string { return events.LedgerSubject(l.context, partition) }

func (l *jetLog) Info(ctx context.Context) (LogInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout) // the library's own is 5 s; while a cluster elects nobody answers, and who asks asks again
	defer cancel()
	info, err := l.stream.Info(ctx)
	if err != nil {
		return LogInfo{}, fmt.Errorf("ledger: %s: %w", l.name, err)
	}
	return LogInfo{Created: info.Created, Partitions: l.partitions, Last: info.State.LastSeq}, nil
}

func (l *jetLog) Append(ctx context.Context, partition int, expect uint64, body []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	m := nats.NewMsg(l.subject(partition))
	m.Header.Set("content-type", "application/cloudevents-batch+json")
	m.Data = body
	options := []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(expect), jetstream.WithRetryAttempts(0)}
	if planted.On("no_compare_and_set") {
		options = options[1:]
	}
	ack, err := l.js.PublishMsg(ctx, m, options...)
	if err == nil {
		return ack.Sequence, nil
	}
	var api *jetstream.APIError
	if errors.As(err, &api) && noSpace[api.ErrorCode] || errors.Is(err, nats.ErrMaxPayload) {
		return 0, fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return 0, fmt.Errorf("%w: %w", ErrInDoubt, err)
}

func (l *jetLog) stored(m *jetstream.RawStreamMsg) (*Stored, error) {
	partition, err := strconv.Atoi(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
	if err != nil {
		return nil, fmt.Errorf("ledger: %s has subject %q at sequence %d", l.name, m.Subject, m.Sequence)
	}
	return &Stored{Sequence: m.Sequence, Partition: partition, Body: m.Data}, nil
}

func (l *jetLog) read(m *jetstream.RawStreamMsg, err error) (*Stored, error) {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: %s: %w", l.name, err)
	}
	return l.stored(m)
}

func (l *jetLog) Next(ctx context.Context, partition int, after uint64) (*Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return l.read(l.stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(l.subject(partition))))
}

func (l *jetLog) Last(ctx context.Context, partition int) (*Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return l.read(l.stream.GetLastMsgForSubject(ctx, l.subject(partition)))
}

func (l *jetLog) Get(ctx context.Context, sequence uint64) (*Stored, error) {
	if sequence == 0 {
		return nil, ErrNone
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return l.read(l.stream.GetMsg(ctx, sequence))
}

func (l *jetLog) Follow(ctx context.Context, partition int, after uint64, visit func(*Stored) error) error {
	subject := ""
	if partition >= 0 {
		subject = l.subject(partition)
	}
	return follow(ctx, l.b.followers, l.name, subject, after, partition < 0, followAhead, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		s, err := l.stored(&jetstream.RawStreamMsg{Subject: m.Subject(), Sequence: meta.Sequence.Stream, Data: m.Data()})
		if err != nil {
			return err
		}
		s.More = meta.NumPending > 0
		return visit(s)
	})
}

type kvLeases struct {
	kv  jetstream.KeyValue
	ttl time.Duration
}

func (l *kvLeases) TTL() time.Duration { return l.ttl }

func (l *kvLeases) Acquire(ctx context.Context, key, owner string) (uint64, error) {
	epoch, err := l.kv.Create(ctx, key, []byte(owner))
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return epoch, err
	}
	held, err := l.kv.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound): // it ran out just now
		return 0, ErrHeld
	case err != nil:
		return 0, err
	case string(held.Value()) != owner:
		return 0, ErrHeld
	}
	return l.Renew(ctx, key, owner, held.Revision())
}

func (l *kvLeases) Renew(ctx context.Context, key, owner string, epoch uint64) (uint64, error) {
	next, err := l.kv.Update(ctx, key, []byte(owner), epoch)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return 0, ErrHeld
	}
	return next, err
}

func (l *kvLeases) Release(ctx context.Context, key string, epoch uint64) error {
	return l.kv.Delete(ctx, key, jetstream.LastRevision(epoch))
}

func (l *kvLeases) Holder(ctx context.Context, key string) (string, error) {
	held, err := l.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return string(held.Value()), nil
}
