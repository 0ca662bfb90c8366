// Package registry is the registry of technology enterprises (科技型企业): context enterprise, one entity per enterprise,
// keyed by its unified social credit code (USCC, 统一社会信用代码) or by a private id that begins with "x-". Its sub-package
// party is the registry of institutions, departments and alliances.
//
// Commands in: register, profile, title, authorise, revoke_authorisation, consent, withdraw_consent, suspend, reinstate,
// erase_contact; from the timer: expire_title. Events out: registered, profiled, titled, title_expired, authorised,
// authorisation_revoked, consented, consent_withdrawn, suspended, reinstated, contact_erased.
//
// Who may: the operator and the system everything; a user (user:<pseudonym>) what an authorisation that is valid on that
// Beijing day allows: an owner everything but register, title, suspend and reinstate, the roles finance and agent the profile
// only; a party nothing. Titles and suspensions are facts of an authority, so nobody states them about himself.
//
// Invariants: a title counts from the first instant of its first day to the last of its last (Beijing); certificates are
// unique within a title; profiles are one a fiscal year, ascending; every list is bounded.
//
// Deliberately not here: personal data (Prepare puts contacts into the vault and hands on a reference), ratings, and any
// judgement whether an enterprise deserves a title: the certificate is trusted.
package registry
