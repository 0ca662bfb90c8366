// Command planted tests the tests: one build of our own code with wrong versions in it (services/internal/chassis/planted), each chosen
// by name at run time, is given to the suites that should notice. It fails when one is not noticed, and when a suite fails with none
// chosen. docs/reliability.md says how new code brings its own.
package main
