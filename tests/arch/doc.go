// Package arch holds the rules of docs/architecture.md that a compiler does not hold, each with its reason. A rule reads the
// source, so it fails on the line that breaks it; it also fails when something it names is no longer there, so no rule outlives
// what it is about.
//
// Not here, because the compiler refuses it already: the modules tests and tools cannot import services/internal.
package arch
