// Package client speaks the HTTP face of a running system: commands, documents, streams of progress and of events.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
)

const (
	answerBytesMax = 8 << 20 // a page of 1,000 documents
	lineBytesMax   = 1 << 20 // one event or one line of progress
)

// Client is one server and one credential. It may be used by many goroutines.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New makes a client of a server ("http://127.0.0.1:8080"), with a bearer token or "", that keeps up to connections open.
func New(server, token string, connections int) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not an address such as http://127.0.0.1:8080", server)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0 // bounded per host
	transport.MaxIdleConnsPerHost = connections
	transport.MaxConnsPerHost = connections + 2 // streams stay open beside the commands
	transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	return &Client{base: strings.TrimRight(server, "/"), token: token, http: &http.Client{Transport: transport}}, nil
}

// Server is the address.
func (c *Client) Server() string { return c.base }

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Command is one write.
type Command struct {
	Method string // POST when empty
	Path   string
	Body   []byte
	Key    string // Idempotency-Key
	Match  string // If-Match: the version the sender saw
}

// Do sends a command once. The error is a *events.Problem when the server refused or could not take it.
func (c *Client) Do(ctx context.Context, command Command) (*events.Answer, error) {
	method := command.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := c.request(ctx, method, command.Path, command.Body)
	if err != nil {
		return nil, err
	}
	if command.Key != "" {
		req.Header.Set("Idempotency-Key", command.Key)
	}
	if command.Match != "" {
		req.Header.Set("If-Match", `"`+command.Match+`"`)
	}
	body, resp, err := c.send(req)
	if err != nil {
		return nil, err
	}
	answer, err := events.DecodeReply(body)
	if err != nil && !IsProblem(err) {
		return nil, foreign(resp, body)
	}
	return answer, err
}

// Get reads a document into a value. A position makes the server wait until it has caught up with it.
func (c *Client) Get(ctx context.Context, path, position string, into any) error {
	req, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if position != "" {
		req.Header.Set("Jieli-Position", position)
	}
	return c.document(req, into)
}

// Call makes a request that is no command and reads the document it is answered with; into nil: there is none.
func (c *Client) Call(ctx context.Context, method, path string, body []byte, into any) error {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	return c.document(req, into)
}

func (c *Client) document(req *http.Request, into any) error {
	body, resp, err := c.send(req)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		if p, ok := events.DecodeProblem(body); ok {
			return p
		}
		return foreign(resp, body)
	}
	if into == nil {
		return nil
	}
	if raw, ok := into.(*json.RawMessage); ok {
		*raw = body
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s answered %s with a body that cannot be read: %w", c.base, req.URL.Path, err)
	}
	return nil
}

// Head asks for a path and returns status, headers and a short body whatever they are.
func (c *Client) Head(ctx context.Context, path string) (int, http.Header, []byte, error) {
	req, err := c.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	body, resp, err := c.send(req)
	if err != nil {
		return 0, nil, nil, err
	}
	return resp.StatusCode, resp.Header, body, nil
}

// Lines posts a body and hands each line of the answer (application/x-ndjson) on as it comes.
func (c *Client) Lines(ctx context.Context, path string, body []byte, each func(line []byte) error) error {
	req, err := c.request(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
		if p, ok := events.DecodeProblem(text); ok {
			return p
		}
		return foreign(resp, text)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, lineBytesMax)
	for lines.Scan() {
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := each(line); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// Download posts body and copies what is answered into w. It returns an error too when the answer ends before it is whole.
func (c *Client) Download(ctx context.Context, path string, body []byte, w io.Writer) error {
	req, err := c.request(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
		if p, ok := events.DecodeProblem(text); ok {
			return p
		}
		return foreign(resp, text)
	}
	_, err = io.Copy(w, resp.Body)
	return err
}

func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

func (c *Client) send(req *http.Request) ([]byte, *http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	return body, resp, err
}

// foreign is an answer that is not of this system: a proxy's page, another program on the port.
func foreign(resp *http.Response, body []byte) error {
	return &ForeignError{Status: resp.StatusCode, Body: string(body[:min(len(body), 120)])}
}

// ForeignError says that what answered does not speak the bus's language.
type ForeignError struct {
	Status int
	Body   string
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("unexpected answer, status %d: %q", e.Status, e.Body)
}

// IsProblem reports whether err is a refusal in the bus's form.
func IsProblem(err error) bool {
	var p *events.Problem
	return errors.As(err, &p)
}

// MaybeDone reports whether a command with this error is worth repeating under the same key: the server was busy, the outcome is
// unknown, or the connection broke.
func MaybeDone(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var p *events.Problem
	if errors.As(err, &p) {
		return p.Status == http.StatusServiceUnavailable || p.Status == http.StatusGatewayTimeout || p.Status == http.StatusTooManyRequests
	}
	var f *ForeignError
	if errors.As(err, &f) {
		return f.Status == http.StatusServiceUnavailable || f.Status == http.StatusGatewayTimeout || f.Status == http.StatusBadGateway
	}
	return true // no answer at all
}
