package topology_test

import (
	"os"
	"testing"

	"github.com/jieli-bus/jieli/tests/topology"
)

func TestMain(m *testing.M) {
	code := m.Run()
	topology.Remove()
	os.Exit(code)
}

func TestStart(t *testing.T) {
	w := topology.Start(t, topology.Config{})
	t.Log(w.HTTP())
}
