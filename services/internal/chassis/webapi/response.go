package webapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// response remembers what became of an answer.
type response struct {
	http.ResponseWriter
	request   string
	status    int    // 0: nothing sent yet
	err       error  // of the route's handler
	broken    bool   // the connection must be cut
	principal string // who speaks, once that is known
	release   func() // gives back the place of the request, which ends when the answer begins
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.release != nil {
		w.release()
	}
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// headerProbe takes an answer's status and headers and drops its body.
type headerProbe struct {
	header http.Header
	status int
}

func (p *headerProbe) Header() http.Header         { return p.header }
func (p *headerProbe) WriteHeader(status int)      { p.status = status }
func (p *headerProbe) Write(b []byte) (int, error) { return len(b), nil }

// WriteJSON answers with v. What it returns is a handler's to return: the frame words it.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	return writeJSON(w, status, "application/json", v)
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) error {
	b, err := encodeJSON(v)
	if err != nil {
		return err
	}
	return writeBytes(w, status, contentType, b)
}

func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // documents go out as they are stored; nosniff keeps browsers from reading HTML into them
	err := e.Encode(v)
	return b.Bytes(), err
}

func writeBytes(w http.ResponseWriter, status int, contentType string, b []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, err := w.Write(b)
	return err
}

// secure sets what every answer carries. Nothing here is a page: nothing may be run, framed or guessed from it.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// etag is the strong entity tag of a version.
func etag(version uint64) string { return `"` + strconv.FormatUint(version, 10) + `"` }

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
