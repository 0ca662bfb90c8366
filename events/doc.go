// Package events is the language of the Jieli bus in Go: what may be said (payload types of every command and event),
// in which envelope (CloudEvents 1.0), under which subject and id, and how a refusal is worded.
//
// It holds no behaviour of any service. The JSON Schemas under contracts/schemas are the authority for the payloads;
// a test holds these types to them both ways.
package events
