// Package planted names wrong versions of our own code, so that the tests can be tested: a build under the tag planted does one thing
// wrong at a time, the one that JIELI_PLANTED names, and some test must notice. tests/planted lists every name with the suites that
// have to find it.
//
// A call site is one condition in the right code, and the wrong code is what a mistake would really look like there:
//
//	if d.Amount.Minor > left.Minor && !planted.On("capacity_unchecked") {
//
// Without the tag On is the constant false, and the compiler leaves nothing of it.
package planted
