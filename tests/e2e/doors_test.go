package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/jieli-bus/jieli/events"
)

// door is a way in. What a door refuses it refuses with the same type as the others.
type door string

const (
	overHTTP   door = "HTTP"
	binary     door = "NATS binary"
	structured door = "NATS structured"

	partyBinary     door = "party binary" // its own door on NATS, jieli.in.<party>.<context>
	partyStructured door = "party structured"
	inFile          door = "file" // jieli import
)

var doors = []door{overHTTP, binary, structured}

// record says where a refusal leaves its trace.
type record string

const (
	inAudit  record = "AUDIT"  // refused at the edge of the ledger
	inLedger record = "ledger" // depends on state: committed as the command's outcome
	atFace   record = "face"   // refused by the HTTP face before there was a command: in AUDIT too, under the context http
)

// attempt is one command as a stranger may give it.
type attempt struct {
	name     string
	want     events.ProblemKind
	record   record
	recordAt map[door]record // where a door differs
	only     []door          // none: all

	typ      string
	subject  string
	body     any // string and []byte as they are, else JSON
	actor    string
	party    string // whose own door it is, at those
	source   string // none: one that the sender may name
	expected string
	id       func() string // none: a fresh UUIDv7

	web func(r *webRequest) // changes the request
	msg func(m *nats.Msg)   // changes the message
}

// webRequest is what goes over HTTP. With broken set, only so many bytes of the body are sent of those announced.
type webRequest struct {
	method, path string
	header       http.Header
	body         []byte
	broken       bool
}

var paths = map[string]string{"enterprise": "enterprises", "party": "parties", "demand": "demands", "offer": "offers", "match": "recommendations", "sharing": "grants", "crossborder": "crossborder", "bond": "bonds", "policy": "policy"}

var creates = map[string]bool{events.TypeRegisterEnterprise: true, events.TypeRegisterParty: true, events.TypePublishDemand: true, events.TypePublishOffer: true, events.TypeAssessBorrower: true, events.TypeApplyBond: true}

func (a *attempt) context() string { c, _ := events.SplitType(a.typ); return c }

// doors are those where the attempt is made: a party's own ones where a party makes it and has credentials. They come first, as the others
// are the operator's, who may speak for it.
func (a *attempt) doors(parties map[string]*stock) (list []door) {
	if party, ok := strings.CutPrefix(a.actor, "party:"); ok && parties[party] != nil && a.party == "" && len(a.only) == 0 {
		a.party = party
	}
	if a.party != "" && a.web == nil && (a.msg == nil || len(a.only) > 0) {
		list = append(list, partyBinary, partyStructured)
	}
	list = append(list, doors...)
	return slices.DeleteFunc(list, func(d door) bool { return len(a.only) > 0 && !slices.Contains(a.only, d) })
}

func (a *attempt) at(d door) record {
	if r, ok := a.recordAt[d]; ok {
		return r
	}
	return a.record
}

func (a *attempt) bytes() []byte {
	switch b := a.body.(type) {
	case nil:
		return []byte("{}")
	case string:
		return []byte(b)
	case []byte:
		return b
	}
	b, err := json.Marshal(a.body)
	if err != nil {
		panic(err)
	}
	return b
}

func (a *attempt) commandID() string {
	if a.id != nil {
		return a.id()
	}
	return events.NewUUID7(time.Now()).String()
}

// knock makes the attempt at a door and returns the answer and the command's id.
func (a *attempt) knock(s *system, c *stock, d door) (answer []byte, status int, id string, err error) {
	id = a.commandID()
	if d == overHTTP {
		answer, status, err = a.request(s, id)
		return answer, status, id, err
	}
	context, _ := events.SplitType(a.typ)
	source := "/test"
	if a.party != "" {
		source = "/parties/" + a.party
	}
	if a.source != "" {
		source = a.source
	}
	e := &events.Event{ID: id, Source: source, Type: a.typ, Subject: a.subject, Data: a.bytes(), DataContentType: "application/json"}
	if a.actor != "" {
		e.Set(events.ExtActor, a.actor, events.String)
	}
	if a.expected != "" {
		e.Set(events.ExtExpected, a.expected, events.String)
	}
	subject := events.CommandSubject(context, 0)
	if a.party != "" {
		subject = "jieli.in." + a.party + "." + context
	}
	m := events.ToMsg(subject, e)
	if d == structured || d == partyStructured {
		m = events.StructuredMsg(subject, e)
	}
	if a.msg != nil {
		a.msg(m)
	}
	reply, err := c.RequestMsg(m, patience)
	if err != nil {
		return nil, 0, id, err
	}
	return reply.Data, 0, id, nil
}

func (a *attempt) request(s *system, id string) ([]byte, int, error) {
	context, what := events.SplitType(a.typ)
	r := &webRequest{method: "POST", path: "/v1/" + paths[context], header: http.Header{}, body: a.bytes()}
	switch {
	case creates[a.typ]:
	case a.typ == events.TypeAmendDemand, a.typ == events.TypeAmendOffer:
		r.method, r.path = "PUT", r.path+"/"+url.PathEscape(a.subject)
		r.header.Set("If-Match", "*")
	default:
		r.path += "/" + url.PathEscape(a.subject) + "/" + what
	}
	r.header.Set("Content-Type", "application/json")
	r.header.Set("Idempotency-Key", id)
	if a.actor != "" {
		r.header.Set("Jieli-Actor", a.actor)
	}
	if a.expected != "" {
		r.header.Set("If-Match", `"`+a.expected+`"`)
	}
	if a.web != nil {
		a.web(r)
	}
	if r.broken {
		return r.half(s)
	}
	ctx, cancel := contextWithPatience()
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, r.method, s.HTTP()+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, 0, err
	}
	q.Header = r.header
	answer, err := client.Do(q)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 && !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/problem+json") {
		err = fmt.Errorf("content type %q", answer.Header.Get("Content-Type"))
	}
	return b, answer.StatusCode, err
}

// half announces the whole body, sends half of it and closes its side of the connection.
func (r *webRequest) half(s *system) ([]byte, int, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.HTTP(), "http://"))
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, 0, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n", r.method, r.path, len(r.body))
	if err := r.header.Write(&b); err != nil {
		return nil, 0, err
	}
	b.WriteString("\r\n")
	b.Write(r.body[:len(r.body)/2])
	if _, err := conn.Write(b.Bytes()); err != nil {
		return nil, 0, err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return nil, 0, err
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		return nil, 0, err
	}
	head, body, ok := bytes.Cut(all, []byte("\r\n\r\n"))
	var status int
	if _, err := fmt.Sscanf(string(head), "HTTP/1.1 %d ", &status); err != nil || !ok {
		return nil, 0, fmt.Errorf("no answer to half a body: %q", all)
	}
	return body, status, nil
}

func contextWithPatience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// problem holds an answer to what every refusal must be: of the type wanted, with its status, in Chinese and English.
func (a *attempt) problem(body []byte, status int) error {
	p, ok := events.DecodeProblem(body)
	if !ok {
		return fmt.Errorf("want a problem %s, got %d %.300s", a.want.Code, status, body)
	}
	var errs []error
	if p.Type != events.ProblemPrefix+a.want.Code || p.Status != a.want.Status || status != 0 && status != p.Status {
		errs = append(errs, fmt.Errorf("want %s (%d), got %d %.400s", a.want.Code, a.want.Status, status, body))
	}
	if !chinese(p.Title) || chinese(p.TitleEN) || p.TitleEN == "" || (p.Detail == "") != (p.DetailEN == "") {
		errs = append(errs, fmt.Errorf("a problem speaks Chinese and English: %.400s", body))
	}
	return errors.Join(errs...)
}

func chinese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 0x4e00 && r <= 0x9fff })
}
