// Package policy keeps the dated rules that decisions are made by (政策规则): context policy, one entity per subject (crossborder, bond,
// matching ...), with every rule file that was ever adopted for it.
//
// Commands in: adopt. Events out: rule_set_adopted, rule_set_closed, rule_changed.
//
// Rule files of contracts/rules enter as commands at the start; what a file says is judged by the ledger's copy from then on, whatever
// files a later program carries. So the same log is always read by the same rules. Nothing that was adopted is edited: a file under a
// known id must say the same, except that one that was open-ended may name its last day; a change is a file with a later first day, which
// ends the one before it and is followed by an event that lists the differences. A rule that is entered late, after its first day,
// governs what is decided from then on; what was decided before stays and names the rules it was decided by.
//
// Who may: the operator and the system.
//
// Invariants: a subject's sets follow each other without overlap and without a gap; the hash of a set is of the bytes that are stored.
//
// Deliberately not here: what a rule means. Each service reads the sets of its subjects through chassis/rules, which also judges a
// file before it is adopted.
package policy
