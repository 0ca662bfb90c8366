// Package bond decides the applications of the green channel for technology-innovation bonds (科技创新债券绿色通道): context bond, one
// entity per application.
//
// Commands in: apply, resubmit, triage, dock, enhance, rate, file, register, issue, return, reject, withdraw. Events out: applied,
// resubmitted, triaged, docked, enhanced, rated, filed, registered, issued, returned, rejected, withdrawn.
//
//	applied -> triaged -> docked [-> enhanced] [-> rated] -> filed -> registered -> issued
//	applied to filed --return--> returned --resubmit--> applied      applied to registered, returned --reject, withdraw--> the end
//
// A triage is judged by the dated rules of its day (contracts/rules/bond.*.json): either the gate is open, or the application is
// returned with every clause that failed and by how much. Both record rule set, hash, day and the issuer's facts. A triaged
// application is matched with the offers of underwriters like a demand; it leaves the market when it is docked or sent back.
//
// Who may: the operator and the system everything; a user applies, resubmits, docks and withdraws for an enterprise under an authorisation
// that is valid on that Beijing day, a party for itself; the underwriter it is docked with enhances, rates, files and issues.
//
// Invariants, at every prefix of the log: the shares of the proceeds sum to 100 %; nothing follows issued, rejected or withdrawn;
// what is docked names an underwriter; a bond is issued within its registration and never above the amount applied for.
//
// Deliberately not here: the underwriter's capacity (its offer decides that for itself), and the placement with investors.
package bond
