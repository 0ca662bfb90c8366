package policy

// The HTTP face: GET /v1/policy lists the subjects, GET /v1/policy/{subject} reads one with its files, POST /v1/policy/{subject}/adopt
// enters a file.
const Path = "policy"
