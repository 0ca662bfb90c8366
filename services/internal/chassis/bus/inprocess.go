package bus

import (
	"errors"
	"net"
	"sync"

	"github.com/nats-io/nats.go"
)

// pipeBytesMax bounds what a buffered in-process connection holds for the broker; a writer that is further ahead waits.
const pipeBytesMax = 8 << 20

// Buffered puts a buffer between client and embedded broker. Their pipe has none: each write waits for the broker to read, and the
// client library holds its lock meanwhile, so that a thousand requesters queue behind one reader.
func Buffered(broker nats.InProcessConnProvider) nats.InProcessConnProvider { return buffered{broker} }

type buffered struct{ broker nats.InProcessConnProvider }

// InProcessConn implements nats.InProcessConnProvider.
func (b buffered) InProcessConn() (net.Conn, error) {
	conn, err := b.broker.InProcessConn()
	if err != nil {
		return nil, err
	}
	p := &pipe{Conn: conn}
	p.changed = sync.NewCond(&p.mu)
	go p.pump()
	return p, nil
}

// pipe is a connection whose writes return before they are read. What Write has taken is written even when Close follows at once.
type pipe struct {
	net.Conn

	mu      sync.Mutex
	changed *sync.Cond
	waiting []byte // written by the client, not yet given to the broker
	closed  bool
	err     error // of a write to the broker; nothing is written after it
}

var errPipeClosed = errors.New("bus: the in-process connection is closed")

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) > 0 && len(p.waiting)+len(b) > pipeBytesMax && p.err == nil && !p.closed {
		p.changed.Wait()
	}
	if p.closed {
		return 0, errPipeClosed
	}
	if p.err != nil {
		return 0, p.err
	}
	p.waiting = append(p.waiting, b...)
	p.changed.Broadcast()
	return len(b), nil
}

func (p *pipe) Close() error {
	p.mu.Lock()
	p.closed = true
	p.changed.Broadcast()
	idle := len(p.waiting) == 0
	p.mu.Unlock()
	if idle {
		return p.Conn.Close()
	}
	return nil // pump closes once it has written the rest
}

// pump gives the broker what is waiting, two buffers taking turns.
func (p *pipe) pump() {
	var spare []byte
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.waiting) == 0 && !p.closed {
			p.changed.Wait()
		}
		if len(p.waiting) == 0 {
			p.Conn.Close() // a second close of a pipe does nothing
			return
		}
		batch := p.waiting
		p.waiting = spare[:0]
		p.mu.Unlock()
		_, err := p.Conn.Write(batch)
		p.mu.Lock()
		spare = batch
		if cap(spare) > pipeBytesMax/8 {
			spare = nil // a burst's buffer is not kept for ever
		}
		p.changed.Broadcast()
		if err != nil {
			p.err, p.waiting = err, nil
			p.Conn.Close()
			return
		}
	}
}
