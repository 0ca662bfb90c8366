package docs

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// patience bounds every wait: a machine under load is slow, a wrong document never comes true.
const patience = 60 * time.Second

// call is one curl command of a README's session.
type call struct {
	path   string
	body   string // of a POST, "" for a GET
	stream string // the department whose view is followed
}

var (
	block  = regexp.MustCompile("(?s)```sh\n(.*?)```")
	post   = regexp.MustCompile(`(?s)^curl -s localhost:8080(/v1/[a-z]+) -H 'Content-Type: application/json' -d '([^']*)'$`)
	get    = regexp.MustCompile(`^curl -s '?localhost:8080(/[^' ]+)'?$`)
	follow = regexp.MustCompile(`^curl -sN 'localhost:8080(/v1/stream\?view=([a-z]+)&[^']*)' -H 'Last-Event-ID: 0' -H "Authorization: Bearer \$\(cat jieli-data/credentials/([a-z]+)\.token\)"$`)
)

// session reads the curl commands of a document, in order.
func session(t *testing.T, document string) []call {
	t.Helper()
	var list []call
	for _, b := range block.FindAllStringSubmatch(document, -1) {
		text := strings.ReplaceAll(b[1], "\\\n  ", "")
		for _, command := range strings.Split("\n"+text, "\ncurl ")[1:] {
			command = "curl " + strings.TrimSpace(command)
			if m := post.FindStringSubmatch(command); m != nil {
				list = append(list, call{path: m[1], body: m[2]})
			} else if m := get.FindStringSubmatch(command); m != nil {
				list = append(list, call{path: m[1]})
			} else if m := follow.FindStringSubmatch(command); m != nil && m[2] == m[3] {
				list = append(list, call{path: m[1], stream: m[2]})
			} else {
				t.Errorf("not a command this test can check: %s", command)
			}
		}
	}
	return list
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFirstSession gives the commands of the README to a new system and sees that they do what the README says.
func TestFirstSession(t *testing.T) {
	t.Parallel()
	list := session(t, read(t, "README.md"))
	chinese := session(t, strings.ReplaceAll(read(t, "README.zh-CN.md"), "?lang=zh", "?lang=en"))
	if !slices.Equal(list, chinese) {
		t.Error("the two READMEs have different sessions")
	}
	if len(list) < 9 {
		t.Fatalf("only %d commands found", len(list))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := t.TempDir()
	s, err := allinone.Start(ctx, allinone.Options{Dir: dir, HTTP: "127.0.0.1:0", NATS: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, c := range list {
		if c.body == "" {
			continue
		}
		status, body := do(t, ctx, "POST", s.HTTP()+c.path, c.body, "Content-Type", "application/json")
		if _, err := events.DecodeReply(body); err != nil || status != http.StatusCreated {
			t.Fatalf("POST %s: %d %s", c.path, status, body)
		}
	}
	// The streams before the reads: a person types longer than the matcher takes, a test waits for its recommendation.
	for _, c := range list {
		if c.stream == "" {
			continue
		}
		e := first(t, ctx, s.HTTP()+c.path, filepath.Join(dir, "credentials", c.stream+".token"))
		whole := c.stream == "pboc"
		for _, field := range []string{`"amount"`, `"party"`, `"amountwan"`} {
			if strings.Contains(e, field) != whole {
				t.Errorf("the view of %s has %s: %v, the README says %v: %s", c.stream, field, !whole, whole, e)
			}
		}
	}
	for _, c := range list {
		if c.body != "" || c.stream != "" {
			continue
		}
		status, body := do(t, ctx, "GET", s.HTTP()+c.path, "")
		if status != http.StatusOK {
			t.Errorf("GET %s: %d %s", c.path, status, body)
		}
		if strings.Contains(string(body), "13800000000") {
			t.Errorf("GET %s shows the contact: %s", c.path, body)
		}
	}
}

func do(t *testing.T, ctx context.Context, method, url, body string, header ...string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, b
}

// first is the data of the first event of a stream.
func first(t *testing.T, ctx context.Context, url, tokenFile string) string {
	t.Helper()
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	r.Header.Set("Last-Event-ID", "0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if !json.Valid([]byte(data)) {
				t.Fatalf("the stream's data is no JSON: %s", data)
			}
			return data
		}
	}
	t.Fatalf("%s: status %d, and no event came: %v", url, answer.StatusCode, lines.Err())
	return ""
}
