//go:build !linux

package topology

import "syscall"

// tied does nothing here: a test binary that is killed leaves its processes.
func tied() *syscall.SysProcAttr { return nil }
