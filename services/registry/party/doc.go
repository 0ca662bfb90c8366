// Package party is the registry of institutions, departments, alliances and organisers (机构、部门、联盟、路演组织方): context
// party, one entity per party.
//
// Commands in: register, license, revoke_licence, add_unit, close_unit, add_key, revoke_key, join, leave, suspend, reinstate.
// Events out: registered, licensed, licence_revoked, unit_added, unit_closed, key_added, key_revoked, joined, left, suspended,
// reinstated.
//
// Who may: the operator and the system everything; a party (party:<id>) the units and keys of its own entity; a user nothing.
//
// Invariants: units form a tree of at most DepthMax levels whose open units have open parents; a unit's authority limit is
// never above that of any unit over it; only an alliance (联盟) has members; ids of units and keys are never used again.
//
// Deliberately not here: whether a licence covers an instrument (the offer's decision, by the licences recorded here), what a
// party may see (context sharing), personal data (Prepare puts contacts into the vault). A licence that has run out stays
// recorded: whoever relies on it asks for the day.
package party
