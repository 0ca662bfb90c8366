// Package bond decides the applications of the green channel for technology-innovation bonds (科技创新债券绿色通道): context bond, one
// entity per application.
//
// Commands in: apply, resubmit, triage, dock, enhance, rate, file, register, issue, return, reject, withdraw; allocate and
// release_allocation of an institution's bond; breach_clock and compute_clock by the timer. Events out: applied, resubmitted, triaged,
// docked, enhanced, rated, filed, registered, issued, returned, rejected, withdrawn, allocated, allocation_released, clock_started,
// clock_breached, clock_computed.
//
//	applied -> triaged -> docked [-> enhanced] [-> rated] -> filed -> registered -> issued
//	applied to filed --return--> returned --resubmit--> applied      applied to registered, returned --reject, withdraw--> the end
//
// Every stage but the last has a clock in working days, by the dated rules of the course (contracts/rules/bond_course.*.json): the event
// that enters the stage brings another that says whose turn it is and until when. A return stops it and starts the issuer's. Days in a
// year that the calendar lacks are noted as unknown, and computed by a program that has the year.
//
// A triage is judged by the dated rules of its day (contracts/rules/bond.*.json): either the gate is open, or the application is
// returned with every clause that failed and by how much. Both record rule set, hash, day and the issuer's facts. A triaged
// application is matched with the offers of underwriters like a demand; it leaves the market when it is docked or sent back.
//
// Who may: the operator and the system everything; a user applies, resubmits, docks and withdraws for an enterprise under an authorisation
// that is valid on that Beijing day, a party for itself; the underwriter it is docked with enhances, rates, files and issues.
//
// Invariants, at every prefix of the log: the shares of the proceeds sum to 100 %; nothing follows issued, rejected or withdrawn;
// what is docked names an underwriter; a bond is issued within its registration and never above the amount applied for; one clock runs
// at most, of the stage it is in; what an institution's proceeds fund is never more than was issued.
//
// Deliberately not here: the underwriter's capacity (its offer decides that for itself), and the placement with investors.
package bond
