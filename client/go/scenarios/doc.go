// Package scenarios runs the scenarios of all clients with this client. See tests/clients/README.md in the repository.
package scenarios
