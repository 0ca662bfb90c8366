//go:build !planted

package planted

// On reports whether this run does the named thing wrong: never, in this build.
func On(string) bool { return false }
