// Package ledger is the frame around a service's pure decisions: it keeps the only truth.
//
// A context's ledger is one stream, divided into partitions. A partition has one writer at a time, found by a lease; it holds the
// partition's entities in memory (the fold of the log) and decides the commands that queued while its last commit was in flight.
// One message is one commit: the events of all those decisions in order, and a closing record with one outcome per command.
// A commit names the hash of the one before it, and the broker stores it only if that one is still the partition's last
// (compare-and-set): two writers can't both win, whatever leases and clocks say.
//
// Two implementations of the Broker port exist, JetStream and memory, under one suite (ledgertest).
package ledger
