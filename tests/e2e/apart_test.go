package e2e

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

// TestApart runs the suite against a system as it runs in production: every service a process of its own, a broker of three nodes, a
// real Redis. One system for all: each test has ids of its own. Their order matters where one changes what all see:
// grants are changed last, and nothing reads a department's durable consumer before the rebuild puts one back.
//
// Two tests are missing: TestRedis kills the store under a system of its own, and TestMany and TestCrossborderRace ask for ledgers of
// four partitions on the all-in-one, of one here.
func TestApart(t *testing.T) {
	if testing.Short() {
		t.Skip("a system of a dozen processes")
	}
	s := &system{place: topology.Start(t, topology.Config{}), t: t, apart: true}
	for _, test := range []struct {
		name string
		run  func(s *system)
	}{
		{"BadInput", badInput}, {"ViewsAreClosed", viewsAreClosed}, {"Rebuild", rebuilds}, {"FirstLine", firstLine}, {"BondGreenChannel", bondGreenChannel}, {"BondCourse", bondCourse},
		{"Crossborder", crossborderLife}, {"CrossborderRace", crossborderRace}, {"Many", many}, {"Lifecycles", lifecycles}, {"Streams", streamsGoOn}, {"Grants", grantsChange},
	} {
		if !t.Run(test.name, func(t *testing.T) { test.run(s.on(t)) }) {
			break // what it left behind could fail the others
		}
	}
}
