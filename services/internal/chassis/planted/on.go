//go:build planted

package planted

import "os"

// chosen is the one wrong version of this run; "" is none.
var chosen = os.Getenv("JIELI_PLANTED")

// On reports whether this run does the named thing wrong.
func On(name string) bool { return name == chosen }
