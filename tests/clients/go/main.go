// Client is what a Go program of an institution or a department does with the bus: the NATS client and the CloudEvents event, nothing else.
//
//	client publish SUBJECT TYPE ID FILE   gives a command as a CloudEvent in structured mode and prints the answer
//	client read STREAM CONSUMER           prints the next event of a view
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const patience = 30 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	conn, err := nats.Connect(os.Getenv("NATS_URL"), nats.UserInfo(os.Getenv("NATS_USER"), os.Getenv("NATS_PASSWORD")))
	if err != nil {
		return err
	}
	defer conn.Close()
	switch {
	case len(args) == 5 && args[0] == "publish":
		return publish(conn, args[1], args[2], args[3], args[4])
	case len(args) == 3 && args[0] == "read":
		return read(conn, args[1], args[2])
	}
	return fmt.Errorf("client publish SUBJECT TYPE ID FILE, or client read STREAM CONSUMER")
}

func publish(conn *nats.Conn, subject, typ, id, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	e := cloudevents.New()
	e.SetID(fmt.Sprintf("go-%d", time.Now().UnixNano())) // the same id again gives the same answer
	e.SetSource("/parties/" + strings.Split(subject, ".")[2])
	e.SetType(typ)
	e.SetSubject(id)
	if err := e.SetData(cloudevents.ApplicationJSON, json.RawMessage(data)); err != nil {
		return err
	}
	m := nats.NewMsg(subject)
	m.Header.Set("content-type", cloudevents.ApplicationCloudEventsJSON)
	if m.Data, err = json.Marshal(e); err != nil {
		return err
	}
	answer, err := conn.RequestMsg(m, patience)
	if err != nil {
		return err
	}
	fmt.Println(string(answer.Data))
	return nil
}

func read(conn *nats.Conn, stream, consumer string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	reader, err := js.Consumer(ctx, stream, consumer)
	if err != nil {
		return err
	}
	m, err := reader.Next(jetstream.FetchMaxWait(patience))
	if err != nil {
		return err
	}
	e := cloudevents.New()
	e.SetID(m.Headers().Get("ce-id"))
	e.SetSource(m.Headers().Get("ce-source"))
	e.SetType(m.Headers().Get("ce-type"))
	e.SetSubject(m.Headers().Get("ce-subject"))
	if err := e.SetData(cloudevents.ApplicationJSON, json.RawMessage(m.Data())); err != nil {
		return err
	}
	if err := e.Validate(); err != nil {
		return err
	}
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	fmt.Println(string(b))
	return m.DoubleAck(ctx)
}
