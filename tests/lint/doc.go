// Package lint holds the descriptions that a running system serves, OpenAPI and AsyncAPI, to their linters from npm.
package lint
