// Package store is the projection store (投影存储): where read models live between the ledger that feeds them and the
// queries that read them.
//
// A projection (投影) keeps how far it has read the ledger in the same place as its rows, and both change in one atomic
// step: [Store.Apply] replaces documents, their index entries and the position together, and only if the position
// stored is the one the projector believes. So two projectors, a restarted one, or a store that lost its last seconds
// can't skip or double an event unnoticed: they get a [PositionError] and start again from the position stored.
//
// There are two implementations with one suite (storetest): "memory", ordered maps for the embedded default, and
// "redis", for production, shared by replicas. Only this package knows Redis.
//
// What is promised to a reader that runs beside a projector:
//   - one call of Get, GetMany or List sees each batch wholly or not at all;
//   - a document that was read is covered by every position read after it, and a position that was read covers every
//     document read after it.
//
// Deliberately absent: transactions over several collections, secondary storage of truth (everything here can be
// dropped and rebuilt from the ledger), full text search, counts by index value, expiry.
package store
