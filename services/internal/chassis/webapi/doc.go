// Package webapi is the frame of the HTTP face (网络接口): it turns requests into commands and documents into answers. Every
// route of a collection follows from app.Service and events.Catalog, so a new service or command needs no code here.
//
// What a command says is judged behind this package: the body travels to the ledger byte for byte, and its intake holds it
// to its schema and records a refusal in the audit stream. Here only that is refused which cannot become a command at all:
// credentials, headers, sizes, half a body. Those refusals are logged and counted (jieli_http_refusals_total).
//
// Deliberately absent: CORS (no browser page of another origin may use this face), compression, cookies, TLS (issue 5),
// and routes of other services: allinone and the portal hand those in as Extra.
package webapi
