package lakeport_test

import (
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
)

func TestRepositories(t *testing.T) {
	l := newLake(t)
	info, err := l.repository.Info(t.Context())
	check(t, err)
	equal(t, info.Name, l.repository.Name())
	equal(t, info.DefaultBranch, "main")
	found, err := collect(l.Repositories(t.Context(), l.repository.Name()))
	check(t, err)
	equal(t, len(found), 1)
	_, err = l.CreateRepository(t.Context(), l.repository.Name(), nil)
	failed(t, err, codes.AlreadyExists, lakeport.ReasonRepositoryExists)
	check(t, l.DeleteRepository(t.Context(), l.repository.Name()))
	_, err = l.repository.Info(t.Context())
	failed(t, err, codes.NotFound, lakeport.ReasonRepositoryNotFound)
}

func TestServerInfo(t *testing.T) {
	l := newLake(t)
	info, err := l.ServerInfo(t.Context())
	check(t, err)
	equal(t, info.MaxBatchItems, 10_000)
}

func TestBranchesAndTags(t *testing.T) {
	l := newLake(t)
	branch, err := l.repository.CreateBranch(t.Context(), "feature", "main")
	check(t, err)
	_, err = l.repository.CreateBranch(t.Context(), "feature", "main")
	failed(t, err, codes.AlreadyExists, lakeport.ReasonBranchExists)
	found, err := collect(l.repository.Branches(t.Context(), ""))
	check(t, err)
	equal(t, len(found), 2)
	tag, err := l.repository.CreateTag(t.Context(), "v1", "feature")
	check(t, err)
	equal(t, tag.CommitId, branch.CommitId)
	tag, err = l.repository.Tag(t.Context(), "v1")
	check(t, err)
	equal(t, tag.Name, "v1")
	tags, err := collect(l.repository.Tags(t.Context(), "v"))
	check(t, err)
	equal(t, len(tags), 1)
	check(t, l.repository.DeleteTag(t.Context(), "v1"))
	check(t, l.repository.DeleteBranch(t.Context(), "feature"))
	_, err = l.repository.Branch(t.Context(), "feature")
	failed(t, err, codes.NotFound, lakeport.ReasonRefNotFound)
	failed(t, l.repository.DeleteBranch(t.Context(), "main"), codes.FailedPrecondition, lakeport.ReasonDefaultBranch)
}

func TestCommitsMergesAndReverts(t *testing.T) {
	l := newLake(t)
	check(t, second(l.repository.CreateBranch(t.Context(), "feature", "main")))
	feature := l.Files(l.repository.Name(), "feature")
	write(t, feature, "a", "one")
	changes, err := collect(l.repository.Uncommitted(t.Context(), "feature", ""))
	check(t, err)
	equal(t, changes[0].Kind, lakeportv1.PathChange_KIND_ADDED)
	commit, err := l.repository.CreateCommit(t.Context(), "feature", "Add a", &lakeport.CreateCommitOptions{Metadata: map[string]string{"k": "v"}})
	check(t, err)
	equal(t, commit.Metadata["k"], "v")
	changes, err = collect(l.repository.Diff(t.Context(), "main", "feature", nil))
	check(t, err)
	equal(t, changes[0].Path, "a")
	id, err := l.repository.Merge(t.Context(), "feature", "main", &lakeport.MergeOptions{Message: "Merge a"})
	check(t, err)
	head, err := l.repository.Commit(t.Context(), "main")
	check(t, err)
	equal(t, head.CommitId, id)
	log, err := collect(l.repository.Log(t.Context(), "main", &lakeport.LogOptions{Limit: 1}))
	check(t, err)
	equal(t, log[0].Message, "Merge a")
	check(t, second(l.repository.Revert(t.Context(), "main", id, &lakeport.RevertOptions{ParentNumber: 1})))
	equal(t, paths(t, l.main, nil), "")
	check(t, second(l.repository.CherryPick(t.Context(), "main", commit.CommitId, nil)))
	equal(t, paths(t, l.main, nil), "a")
	write(t, l.main, "b", "two")
	_, err = l.repository.Merge(t.Context(), "feature", "main", nil)
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonBaseDirty)
	branch, err := l.repository.Reset(t.Context(), "main", nil)
	check(t, err)
	equal(t, branch.Name, "main")
	equal(t, paths(t, l.main, nil), "a")
	changes, err = collect(l.repository.Diff(t.Context(), "main", "main", &lakeport.DiffOptions{TwoDot: true}))
	check(t, err)
	equal(t, len(changes), 0)
}
