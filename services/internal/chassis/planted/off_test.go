//go:build !planted

package planted_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// TestNothingIsLeft: a program built without the tag does not even hold the names.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	if planted.On("no_compare_and_set") || planted.On("") {
		t.Fatal("a bug is planted in an ordinary build")
	}
	program := filepath.Join(t.TempDir(), "offer")
	if out, err := exec.Command("go", "build", "-o", program, "../../../cmd/offer").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"no_compare_and_set", "capacity_checked_outside_the_fold", "tail_loss_unnoticed", "JIELI_PLANTED"} {
		if bytes.Contains(b, []byte(name)) {
			t.Errorf("the program holds %q", name)
		}
	}
}
