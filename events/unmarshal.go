package events

import "github.com/go-json-experiment/json"

// Unmarshal reads JSON that has passed CheckJSON, or that this system wrote, into a Go value. It takes what encoding/json takes, but for
// names in another case and repeated names, which neither of the two lets through, in less than half the time: every event is
// read by its ledger, its read model and the matcher. (What is written goes through encoding/json: the bytes of the ledgers are its.)
func Unmarshal(data []byte, into any) error { return json.Unmarshal(data, into) }
