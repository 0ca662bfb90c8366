// Package bus carries events between the rooms of Jieli: a Watermill publisher and subscriber on NATS JetStream.
//
// What it promises
//   - Publish returns nil only when the broker has acknowledged every message of the call.
//   - Delivery is at least once. A message that was acknowledged here is not handed out again by the same
//     subscription, even when the acknowledgement was lost on its way, the durable was deleted or the broker restarted.
//   - Messages with the same entity (header ce-subject) are handled one after another in stream order, although
//     Watermill's Router runs each message in its own goroutine: a lane hands over a message and waits for its ack.
//   - A message that cannot be read, or that failed too often, moves to the dead letters with its reason and is only
//     then terminated. The handler never sees a nil or a half-read message.
//
// What it does not promise, so that consumers gate by aggregate version (apply n+1 only)
//   - Order across several subscribers on one durable; of messages that were on the wire when a connection was lost or a
//     subscriber closed (the broker sends them again later); and after InPlaceAttempts failures of one message.
//   - Exactly once. A publish whose answer was lost is repeated under the same id.
//
// A message's wire form is CloudEvents binary mode: Watermill metadata are the headers, the payload is the body.
package bus
