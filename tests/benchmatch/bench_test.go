package main

import "testing"

// TestQuickRun keeps the program working: a run in very little, mismatches included.
func TestQuickRun(t *testing.T) {
	if err := run(scale{rows: 3_000, updates: 3_000, asked: 60, checked: 60, sizes: []int{3_000}}, 7); err != nil {
		t.Fatal(err)
	}
}
