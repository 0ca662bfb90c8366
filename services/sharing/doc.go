// Package sharing decides who may see what (信息共享) and writes it: one VIEW_<DEPT> stream per department, in the department's
// own account of the broker, holding copies of events cut down to the fields its grants allow.
//
// Commands in: sharing.grant, sharing.revoke_grant (subject: the department). Events out: sharing.granted, sharing.grant_revoked.
//
// A view is a function of the ledgers and of the cuts its grants record: a grant names, per ledger partition, the first
// commit it governs, so a view can be deleted and written again to the same lists, one per source context.
//
// Not here: delivery by webhook, subscriptions with filters, insider rings: they come with their own issue.
package sharing
