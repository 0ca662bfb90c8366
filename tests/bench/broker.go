package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// broker is a plain NATS server in this process: the baseline. Its sync_interval is always, as in Jieli.
type broker struct{ server *server.Server }

func startBroker(dir string) (*broker, error) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, SyncAlways: true, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		s.Shutdown()
		return nil, fmt.Errorf("the baseline's broker did not start")
	}
	return &broker{s}, nil
}

func (b *broker) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// connections opens n connections, over TCP on loopback or in-process.
func (b *broker) connections(n int, tcp bool) ([]*nats.Conn, error) {
	if tcp {
		return connect(n, b.server.ClientURL())
	}
	return connect(n, "", nats.InProcessServer(b.server))
}

func connect(n int, url string, options ...nats.Option) ([]*nats.Conn, error) {
	var list []*nats.Conn
	for range n {
		conn, err := nats.Connect(url, options...)
		if err != nil {
			closeAll(list)
			return nil, err
		}
		list = append(list, conn)
	}
	return list, nil
}

func closeAll(list []*nats.Conn) {
	for _, conn := range list {
		conn.Close()
	}
}

// streams opens JetStream on every connection and makes one stream.
func streams(ctx context.Context, conns []*nats.Conn, c jetstream.StreamConfig) ([]jetstream.JetStream, error) {
	var list []jetstream.JetStream
	for _, conn := range conns {
		js, err := jetstream.New(conn)
		if err != nil {
			return nil, err
		}
		list = append(list, js)
	}
	_, err := list[0].CreateStream(ctx, c)
	return list, err
}
