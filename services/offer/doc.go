// Package offer decides the funding products of institutions (资金供给): context offer, one entity per offer.
//
// Commands in: publish, amend, pause, resume, withdraw, reserve, release, commit; from timers: expire, expire_reservation.
// Events out: published, amended, paused, resumed, withdrawn, expired, capacity_reserved, capacity_released,
// capacity_committed, exhausted.
//
//	open <--resume/pause--> paused     open, paused --withdraw--> withdrawn     --end of validity--> expired
//	                                   open, paused --all committed--> exhausted
//
// Who may: the operator and the system everything; a party (party:<id>) everything with its own offers; a user nothing.
//
// Invariants, at every prefix of the log: 0 <= reserved + committed <= capacity, in integer minor units of one currency; an
// offer that has ended reserves nothing; what ended stays so. At publication and amendment the instrument is covered by a
// licence valid on that Beijing day (a fund manager is registered before raising), the party is not suspended, and the largest
// ticket is within the authority limit of the unit.
//
// Deliberately not here: who fits (the matcher), whether the demand still needs the money (context demand decides that for
// itself), and what happens to live offers when a licence ends later: that is an authority's or operator's pause or withdrawal.
package offer
