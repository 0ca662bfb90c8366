package bus

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// ends hands out one side of a pipe and keeps the other.
type ends struct{ broker chan net.Conn }

func (e ends) InProcessConn() (net.Conn, error) {
	client, broker := net.Pipe()
	e.broker <- broker
	return client, nil
}

func open(t *testing.T) (client, broker net.Conn) {
	t.Helper()
	e := ends{make(chan net.Conn, 1)}
	client, err := Buffered(e).InProcessConn()
	if err != nil {
		t.Fatal(err)
	}
	broker = <-e.broker
	t.Cleanup(func() { client.Close(); broker.Close() })
	return client, broker
}

// TestBufferedWritesDoNotWait: a write returns although nobody reads, and everything arrives in order, the rest even after Close.
func TestBufferedWritesDoNotWait(t *testing.T) {
	client, broker := open(t)
	var want bytes.Buffer
	for i := range 10_000 {
		line := bytes.Repeat([]byte{byte(i)}, i%97)
		want.Write(line)
		if n, err := client.Write(line); err != nil || n != len(line) {
			t.Fatal(n, err)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(broker)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("%d bytes of %d, %v", len(got), want.Len(), err)
	}
	if _, err := client.Write([]byte("x")); err == nil {
		t.Error("a closed connection took a write")
	}
}

// TestBufferedIsBounded: a writer far ahead waits for the reader, and is let go when the broker goes away.
func TestBufferedIsBounded(t *testing.T) {
	client, broker := open(t)
	chunk := make([]byte, 1<<20)
	var writing sync.WaitGroup
	failed := make(chan error, 1)
	writing.Add(1)
	go func() {
		defer writing.Done()
		for {
			if _, err := client.Write(chunk); err != nil {
				failed <- err
				return
			}
		}
	}()
	if _, err := io.ReadFull(broker, make([]byte, 3*pipeBytesMax)); err != nil {
		t.Fatal(err)
	}
	broker.Close()
	writing.Wait()
	if err := <-failed; err == nil {
		t.Error("no error after the broker went away")
	}
}
