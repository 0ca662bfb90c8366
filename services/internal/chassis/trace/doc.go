// Package trace follows single commands through the processes of a system: OpenTelemetry spans, and debug lines that can be searched
// for a command's id. It is off unless the environment asks for it (OTEL_*), and costs a nil check then.
package trace
