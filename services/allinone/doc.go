// Package allinone runs the whole of Jieli in one process: an embedded broker, every service, and the HTTP face. It is what a city
// runs, what `jieli up` starts and what the tests drive through public interfaces.
package allinone
