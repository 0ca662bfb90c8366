package topology

import "syscall"

// tied ends a process with the test binary that started it, however that ends.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
