package lakeport

import "github.com/lakeport/lakeport/client/go/lakeportv1"

// Messages of the contract that this package returns. Package lakeportv1 documents their fields.
type (
	// FileInfo describes an object, or a common prefix of objects.
	FileInfo = lakeportv1.FileInfo
	// PathChange is a path that differs between two versions.
	PathChange = lakeportv1.PathChange
	// TransactionInfo is the state of a transaction.
	TransactionInfo = lakeportv1.Transaction
	// WatchUpdate is the state of a transaction, and its place in the queue of commits.
	WatchUpdate = lakeportv1.WatchTransactionResponse
	// RepositoryInfo describes a repository.
	RepositoryInfo = lakeportv1.Repository
	// Branch is a branch and its head.
	Branch = lakeportv1.Branch
	// Tag is a tag and its commit.
	Tag = lakeportv1.Tag
	// Commit is a commit.
	Commit = lakeportv1.Commit
	// ServerInfo has the versions, limits and features of a server and of its lakeFS.
	ServerInfo = lakeportv1.GetServerInfoResponse
)
