// Package contracts_test holds the files under contracts/ and the Go types of the events module together: each can be trusted
// because the other is checked against it.
package contracts_test
