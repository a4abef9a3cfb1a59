package languages

import (
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/protobuf/proto"
)

func TestNamesOfRepositoriesBranchesAndTags(t *testing.T) {
	s := connect(t)
	repository, err := s.versions.GetRepository(t.Context(), &lakeport.GetRepositoryRequest{Repository: s.repository})
	if err != nil {
		t.Fatal(err)
	}
	if repository.Repository.Name != s.repository || repository.Repository.DefaultBranch != "main" {
		t.Errorf("repository %v", repository)
	}
	create := &lakeport.CreateBranchRequest{
		Repository: s.repository,
		Ref:        "main",
		Branch:     "feature",
		RequestId:  "create-feature",
	}
	branch, err := s.versions.CreateBranch(t.Context(), create)
	if err != nil {
		t.Fatal(err)
	}
	retried, err := s.versions.CreateBranch(t.Context(), create)
	if err != nil || !proto.Equal(retried, branch) {
		t.Errorf("retry returned %v, %v instead of %v", retried, err, branch)
	}
	tag, err := s.versions.CreateTag(t.Context(), &lakeport.CreateTagRequest{
		Repository: s.repository,
		Ref:        "feature",
		Tag:        "v1",
		RequestId:  "create-v1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if branch.Branch.Name != "feature" || tag.Tag.Name != "v1" || tag.Tag.CommitId != branch.Branch.CommitId {
		t.Errorf("branch %v, tag %v", branch, tag)
	}
}

func TestUncommittedDifferencesArePathChanges(t *testing.T) {
	s := connect(t)
	s.write(t, target{branch: "main"}, "a", []byte("a"))
	s.commitBranch(t, "main")
	s.write(t, target{branch: "main"}, "a", []byte("longer"))
	stream, err := s.versions.Diff(t.Context(), &lakeport.DiffRequest{
		Repository: s.repository,
		Ref:        "main",
		Mode:       lakeport.DiffMode_DIFF_MODE_UNCOMMITTED,
	})
	var changes []*lakeport.PathChange
	for _, message := range all(t, stream, err) {
		changes = append(changes, message.Changes...)
	}
	checkChanges(t, changes, []*lakeport.PathChange{
		{Path: "a", Kind: lakeport.PathChange_KIND_CHANGED, SizeBytes: 6},
	})
}
