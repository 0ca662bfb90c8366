// Package crossborder decides the cross-border financing of borrowers (跨境融资) under full-scope macro-prudential management
// (全口径跨境融资宏观审慎管理): context crossborder, one entity per borrower, an enterprise or an institution; its contracts live inside
// it, because the headroom is the borrower's.
//
// Commands in: assess, file, draw, repay, extend, close, cancel, refuse, exclude, readmit, withdraw; from timers: apply_rules.
// Events out: assessed, limit_changed, filed, drawn, repaid, extended, closed, cancelled, refused, excluded, readmitted, withdrawn.
//
//	borrower  active <--readmit/exclude--> excluded    active, excluded --withdraw, nothing open--> withdrawn --assess--> active
//	contract  filed --draw, repay, extend--> filed     --close, nothing outstanding--> closed
//	          filed, nothing drawn --cancel--> cancelled     --refuse--> refused
//
// Who may: the operator and the system everything; a user (user:<pseudonym>) for an enterprise under an authorisation valid on that
// Beijing day; an institution (party:<id>) for itself. What an authority decides (exclude, readmit, refuse) the operator enters.
//
// The limit is net assets x leverage x parameter; the risk-weighted balance is the sum over all draws of what is outstanding x term
// factor x category factor, and once more x the factor of foreign currency where it is in one. Every number is data of the dated rule
// sets in contracts/rules; each event records the set, its hash and the day. The arithmetic is exact, a limit is rounded down and a
// balance up. A draw weighs at the exchange rate of its own day until it is repaid. The term that counts is the one the contract was
// filed with: an extension never makes it weigh less.
//
// Invariants, at every prefix of the log: the balance is within the limit, unless the limit itself fell (a new statement, another
// rule set), and then the balance only falls; it is what the recorded rule set makes of the recorded draws; of a contract no more is
// drawn than it allows.
//
// Filing reserves nothing, drawing does: see docs/decisions/0006; rates come with the draw: 0007. Deliberately not here: other routes (facilitation quota, investment
// gap) until their rules are data; whether a published rate is what a command says it is; working days between filing and drawing.
package crossborder
