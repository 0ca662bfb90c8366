package sharing

import "github.com/jieli-bus/jieli/events"

// Department is a department's (or local office's) rights: everything it was ever granted.
type Department struct {
	ID     string  `json:"id"`
	Grants []Given `json:"grants"` // in the order they were given
}

// Given is a grant and, once revoked, where it ends.
type Given struct {
	events.Grant
	Ended     bool         `json:"ended,omitempty"`
	EndReason string       `json:"end_reason,omitempty"`
	EndCuts   []events.Cut `json:"end_cuts,omitempty"` // first commits it no longer governs
}

func (d *Department) find(grant string) int {
	if d != nil {
		for i := range d.Grants {
			if d.Grants[i].Grant.Grant == grant {
				return i
			}
		}
	}
	return -1
}
