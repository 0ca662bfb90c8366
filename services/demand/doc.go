// Package demand decides the funding demands of enterprises (融资需求): context demand, one entity per demand.
//
// Commands in: publish, amend, withdraw, hold, release_hold, fill; from timers: expire, expire_hold. Events out: published,
// amended, withdrawn, expired, held, hold_released, filled, fulfilled.
//
//	open --withdraw--> withdrawn      open --end of validity--> expired      open --all filled--> fulfilled
//
// Who may: the operator and the system everything; a user (user:<pseudonym>) publishes, amends and withdraws for an enterprise
// under an authorisation that is valid on that Beijing day; a party holds, releases and fills for its own offers only.
//
// Invariants, at every prefix of the log: 0 <= held + filled <= amount, in integer minor units of one currency; a demand that
// has ended holds nothing; what ended stays so.
//
// Deliberately not here: which offers fit (the matcher), whether an offer has the capacity (context offer decides that for
// itself), and the course of a deal between the two.
package demand
