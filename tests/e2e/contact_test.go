package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
)

// contactErased: a person's data is in its store until it is erased, and then nowhere, on disk included.
func contactErased(s *system, _ string) {
	const phone, name = "13912345678", "赵可擦除"
	id, body := enterprise(33)
	a := s.do("POST", "/v1/enterprises", with(body, map[string]any{"contact": map[string]any{"name": name, "phone": phone}}))
	path := "/v1/enterprises/" + id
	if doc := string(s.get(path, a.Position, nil)); strings.Contains(doc, phone) || !strings.Contains(doc, `"contact":{"ref"`) {
		s.t.Errorf("the read model holds %s", doc)
	}
	// The entry holds the payload in base64: the number is looked for in that form too, at each of the three ways it can fall.
	needles := []string{phone, name, "MTM5MTIzNDU2Nz", "EzOTEyMzQ1Njc4", "xMzkxMjM0NTY3"}
	// A broker of several nodes agrees by a log of its own, which holds what was written for some minutes more: see docs/operating.md.
	onDisk := !s.apart
	if found := s.grep(needles); onDisk && len(found) == 0 {
		s.t.Fatal("the search does not even find what is there")
	}
	if found := s.grepStreams(needles); !slices.Equal(found, []string{"CONTACTS"}) {
		s.t.Errorf("the contact is in %v, want CONTACTS alone", found)
	}
	a = s.do("DELETE", path+"/contact", nil)
	if doc := string(s.get(path, a.Position, nil)); strings.Contains(doc, `"contact"`) {
		s.t.Errorf("the read model holds %s", doc)
	}
	if found := s.grep(needles); onDisk && len(found) > 0 {
		s.t.Errorf("after it was erased the contact is in %v", found)
	}
	if found := s.grepStreams(needles); len(found) > 0 {
		s.t.Errorf("after it was erased the contact is in %v", found)
	}
	s.refused(events.ErrNotFound, "DELETE", path+"/contact", nil)
}

// grep names the files of the data directory that hold one of the strings.
func (s *system) grep(needles []string) []string {
	s.t.Helper()
	var found []string
	err := filepath.WalkDir(s.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // files come and go while the system works
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		if slices.ContainsFunc(needles, func(n string) bool { return strings.Contains(string(b), n) }) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// grepStreams names the streams of every account that hold one of the strings.
func (s *system) grepStreams(needles []string) []string {
	s.t.Helper()
	accounts := []*stock{s.core()}
	for _, dept := range departments {
		accounts = append(accounts, s.writer(dept))
	}
	var found []string
	for _, c := range accounts {
		for name := range c.StreamNames(c.ctx()).Name() {
			if slices.ContainsFunc(c.messages(name), func(m jetstream.Msg) bool {
				all := text(m)
				return slices.ContainsFunc(needles, func(n string) bool { return strings.Contains(all, n) })
			}) {
				found = append(found, name)
			}
		}
	}
	return found
}
