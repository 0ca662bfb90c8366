// Package simtest is the simulator (模拟器): a whole Jieli in one thread, in which one seed decides everything. The services' real
// decisions, the real writer of a ledger (ledger.Stepper), the real edge, look-ups, projectors and matcher run on a simulated log,
// simulated leases and a virtual clock that break in every way that is known of brokers, disks, networks and machines.
//
// A run has two phases. In the first, commands and faults come as the seed has it, and what must always hold is checked. Then
// everything heals, and what must hold in the end is checked: every command is answered, everything has caught up.
//
// It lives below the all-in-one process because it binds every service, as that one does. Tasks are coroutines (iter.Pull): exactly
// one runs at any time, and the seed says which is next. The product has no outgoing HTTP yet, so there is no port for it here.
package simtest
