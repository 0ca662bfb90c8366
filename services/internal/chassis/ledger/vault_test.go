package ledger_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

func openVault(t *testing.T) (*ledger.Vault, *embedded) {
	t.Helper()
	e := startEmbedded(t, 0)
	v, err := ledger.OpenVault(within(t), e.connect(t), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return v, e
}

// onDisk reports the files under dir that contain the text, as it is or in base64.
func onDisk(t *testing.T, dir string, texts ...string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(b, []byte(text)) {
				found = append(found, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The same phone number as it would stand in a file: the store writes JSON with base64 bytes.
const phone = "+86 13912345678 "

func contact(name string) []byte { return []byte(`{"phone":"` + phone + `","name":"` + name + `"}`) }

// phoneOnDisk is the phone number plain, and in base64 at each of the three offsets that it can have.
var phoneOnDisk = []string{"13912345678", "MTM5MTIzNDU2Nz", "EzOTEyMzQ1Njc4", "xMzkxMjM0NTY3"}

func TestVault(t *testing.T) {
	t.Parallel()
	v, e := openVault(t)
	if _, _, err := v.Put(within(t), "enterprise/stays/1", []byte(`{"phone":"","name":"stays"}`)); err != nil { // the file stays with it
		t.Fatal(err)
	}
	ref, hash, err := v.Put(within(t), "enterprise/a/1", contact("one"))
	if err != nil || len(hash) != 64 {
		t.Fatal(ref, hash, err)
	}
	again, sameHash, err := v.Put(within(t), "enterprise/a/1", contact("one"))
	if err != nil || again != ref || sameHash != hash {
		t.Errorf("the same again: %s %s, %v; first %s %s", again, sameHash, err, ref, hash)
	}
	other, otherHash, err := v.Put(within(t), "enterprise/b/1", contact("one"))
	if err != nil || other == ref || otherHash == hash {
		t.Errorf("another owner's: %s %s, %v: the hash tells that the content is the same", other, otherHash, err)
	}
	if got, err := v.Get(within(t), ref); err != nil || !bytes.Equal(got, contact("one")) {
		t.Errorf("got %q, %v", got, err)
	}
	if found := onDisk(t, e.dir, phoneOnDisk...); len(found) == 0 {
		t.Fatal("the search does not find what is there")
	}
	for _, r := range []string{ref, other} {
		for range 2 { // the second time there is nothing left to erase
			if err := v.Erase(within(t), r); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := v.Get(within(t), r); !errors.Is(err, ledger.ErrErased) {
			t.Errorf("erased, got %q, %v", got, err)
		}
	}
	if found := onDisk(t, e.dir, phoneOnDisk...); len(found) > 0 {
		t.Errorf("erased, and found in %v", found)
	}
	for _, none := range []string{"", "x", "*", ">", "6b1f1b3e-8f6a-8c1e-9d6f-2b1f3c4d5e6f"} {
		if got, err := v.Get(within(t), none); !errors.Is(err, ledger.ErrErased) {
			t.Errorf("under %q: %q, %v", none, got, err)
		}
		if err := v.Erase(within(t), none); err != nil {
			t.Errorf("erasing %q: %v", none, err)
		}
	}
}

// TestVaultOverwritten: content that was replaced is gone from the disk once its reference is erased.
func TestVaultOverwritten(t *testing.T) {
	t.Parallel()
	v, e := openVault(t)
	if _, _, err := v.Put(within(t), "enterprise/stays/1", []byte(`{"phone":"","name":"stays"}`)); err != nil { // the file stays with it
		t.Fatal(err)
	}
	ref, first, err := v.Put(within(t), "enterprise/a/1", contact("one"))
	if err != nil {
		t.Fatal(err)
	}
	second, hash, err := v.Put(within(t), "enterprise/a/1", []byte(`{"phone":"","name":"two"}`))
	if err != nil || second != ref || hash == first {
		t.Fatal(second, hash, err)
	}
	if got, err := v.Get(within(t), ref); err != nil || !bytes.Contains(got, []byte("two")) {
		t.Errorf("got %q, %v", got, err)
	}
	if err := v.Erase(within(t), ref); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Get(within(t), ref); !errors.Is(err, ledger.ErrErased) {
		t.Errorf("erased, got %q, %v", got, err)
	}
	if found := onDisk(t, e.dir, phoneOnDisk...); len(found) > 0 {
		t.Errorf("erased, and the content before the last found in %v", found)
	}
}
