package chaos

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestBackup takes a backup of a system that is being written to, restores it on an empty machine and goes on there: everything
// acknowledged before the backup began is there once, the restored system verifies and takes commands.
func TestBackup(t *testing.T) {
	sample, err := exec.Command(jieli, "sample", "enterprises", "--rows", strconv.Itoa(rows), "--seed", "12").Output()
	if err != nil {
		t.Fatal(err)
	}
	p := up(t, t.TempDir(), "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0")
	acked := newAcks(t, p.run.HTTP, sample)
	await(t, "a thousand enterprises", func() bool { return p.count() > 1000 })
	acked.mu.Lock()
	var before []string
	for id := range acked.answers {
		before = append(before, id)
	}
	acked.mu.Unlock()
	file := filepath.Join(t.TempDir(), "backup.tar.gz")
	if out, err := command(t, p.run.HTTP, "backup", file); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := command(t, p.run.HTTP, "backup", file); err == nil {
		t.Errorf("a second backup went over the first:\n%s", out)
	}
	acked.stop()
	p.kill()
	t.Run("standard tools", func(t *testing.T) {
		dir := t.TempDir()
		for _, args := range [][]string{{"tar", "-xzf", file}, {"sha256sum", "--quiet", "-c", "SHA256SUMS"}} {
			c := exec.Command(args[0], args[1:]...)
			c.Dir = dir
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", args, err, out)
			}
		}
	})
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("damaged", func(t *testing.T) {
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 4
		for name, b := range map[string][]byte{"cut": whole[:len(whole)/2], "one byte short": whole[:len(whole)-1], "flipped": flipped, "empty": nil, "text": []byte("hello")} {
			bad, dir := filepath.Join(t.TempDir(), "bad.tar.gz"), filepath.Join(t.TempDir(), "dir")
			if err := os.WriteFile(bad, b, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(jieli, "restore", bad, "--dir", dir).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "damaged at") && !strings.Contains(string(out), "损坏") {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("%s: something was written", name)
			}
		}
	})
	dir := t.TempDir() // it is there, and empty
	if out, err := exec.Command(jieli, "restore", file, "--dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(jieli, "restore", file, "--dir", dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "empty") && !strings.Contains(string(out), "空") {
		t.Errorf("restored over something: %v\n%s", err, out)
	}
	p = up(t, dir, "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0")
	outcomes := ledgerOutcomes(t, dir)
	for _, id := range before {
		if outcomes[id] != 1 {
			t.Errorf("command %s, acknowledged before the backup, is %d times in what was restored", id, outcomes[id])
		}
	}
	for id, n := range outcomes {
		if n > 1 {
			t.Errorf("command %s is there %d times", id, n)
		}
	}
	t.Logf("%d commands acknowledged before, %d restored, %d bytes", len(before), len(outcomes), len(whole))
	n := p.count()
	again := newAcks(t, p.run.HTTP, sample[len(sample)*3/4+bytes.IndexByte(sample[len(sample)*3/4:], '\n')+1:])
	await(t, "the restored system to go on", func() bool { return p.count() > n })
	again.stop()
	if out, err := command(t, p.run.HTTP, "verify"); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}
