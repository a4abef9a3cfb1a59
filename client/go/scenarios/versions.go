package scenarios

import (
	"context"

	lakeport "github.com/lakeport/lakeport/client/go"
)

func (o *operations) versionOperations() map[string]operation {
	return map[string]operation{
		"create_repository": o.createRepository,
		"get_repository":    o.getRepository,
		"delete_repository": o.deleteRepository,
		"list_repositories": o.listRepositories,
		"create_branch":     o.createBranch,
		"get_branch":        o.getBranch,
		"delete_branch":     o.deleteBranch,
		"list_branches":     o.listBranches,
		"create_tag":        o.createTag,
		"get_tag":           o.getTag,
		"delete_tag":        o.deleteTag,
		"list_tags":         o.listTags,
		"create_commit":     o.createCommit,
		"get_commit":        o.getCommit,
		"log":               o.log,
		"diff":              o.diff,
		"merge":             o.merge,
		"revert":            o.revert,
		"cherry_pick":       o.cherryPick,
		"reset":             o.reset,
		"server_info":       o.serverInfo,
	}
}

func (o *operations) createRepository(ctx context.Context, step fields) (fields, error) {
	info, err := o.client.CreateRepository(ctx, text(step, "name"), nil)
	return described(info, err, repository)
}

func (o *operations) getRepository(ctx context.Context, step fields) (fields, error) {
	info, err := o.client.Repository(text(step, "name")).Info(ctx)
	return described(info, err, repository)
}

func (o *operations) deleteRepository(ctx context.Context, step fields) (fields, error) {
	return nil, o.client.DeleteRepository(ctx, text(step, "name"))
}

func (o *operations) listRepositories(ctx context.Context, step fields) (fields, error) {
	found := o.client.Repositories(ctx, text(step, "prefix"))
	return collected("names", found, func(info *lakeport.RepositoryInfo) any { return info.Name })
}

func repository(info *lakeport.RepositoryInfo) fields {
	return fields{"name": info.GetName(), "default_branch": info.GetDefaultBranch()}
}

func (o *operations) createBranch(ctx context.Context, step fields) (fields, error) {
	made, err := o.repository().CreateBranch(ctx, text(step, "name"), text(step, "from"))
	return described(made, err, branch)
}

func (o *operations) getBranch(ctx context.Context, step fields) (fields, error) {
	found, err := o.repository().Branch(ctx, text(step, "name"))
	return described(found, err, branch)
}

func (o *operations) deleteBranch(ctx context.Context, step fields) (fields, error) {
	return nil, o.repository().DeleteBranch(ctx, text(step, "name"))
}

func (o *operations) listBranches(ctx context.Context, step fields) (fields, error) {
	found := o.repository().Branches(ctx, text(step, "prefix"))
	return collected("names", found, func(branch *lakeport.Branch) any { return branch.Name })
}

func branch(found *lakeport.Branch) fields {
	return fields{"name": found.GetName(), "commit_id": found.GetCommitId()}
}

func (o *operations) createTag(ctx context.Context, step fields) (fields, error) {
	made, err := o.repository().CreateTag(ctx, text(step, "name"), text(step, "from"))
	return described(made, err, tag)
}

func (o *operations) getTag(ctx context.Context, step fields) (fields, error) {
	found, err := o.repository().Tag(ctx, text(step, "name"))
	return described(found, err, tag)
}

func (o *operations) deleteTag(ctx context.Context, step fields) (fields, error) {
	return nil, o.repository().DeleteTag(ctx, text(step, "name"))
}

func (o *operations) listTags(ctx context.Context, step fields) (fields, error) {
	found := o.repository().Tags(ctx, text(step, "prefix"))
	return collected("names", found, func(tag *lakeport.Tag) any { return tag.Name })
}

func tag(found *lakeport.Tag) fields {
	return fields{"name": found.GetName(), "commit_id": found.GetCommitId()}
}

func (o *operations) createCommit(ctx context.Context, step fields) (fields, error) {
	options := &lakeport.CreateCommitOptions{Metadata: textMap(step, "metadata"), AllowEmpty: flag(step, "allow_empty")}
	if id, found := transactionID(step); found {
		made, err := o.handle(id).CreateCommit(ctx, text(step, "message"), options)
		return described(made, err, commit)
	}
	made, err := o.repository().CreateCommit(ctx, ref(step), text(step, "message"), options)
	return described(made, err, commit)
}

func (o *operations) getCommit(ctx context.Context, step fields) (fields, error) {
	if id, found := transactionID(step); found {
		head, err := o.handle(id).Head(ctx)
		return described(head, err, commit)
	}
	found, err := o.repository().Commit(ctx, ref(step))
	return described(found, err, commit)
}

func (o *operations) log(ctx context.Context, step fields) (fields, error) {
	message := func(commit *lakeport.Commit) any { return commit.Message }
	options := &lakeport.LogOptions{Limit: int64(number(step, "limit")), Paths: texts(step, "paths")}
	if id, found := transactionID(step); found {
		return collected("messages", o.handle(id).Log(ctx, options), message)
	}
	return collected("messages", o.repository().Log(ctx, ref(step), options), message)
}

func (o *operations) diff(ctx context.Context, step fields) (fields, error) {
	if branch, found := step["at"].(string); found {
		return changes(o.repository().Uncommitted(ctx, branch, ""))
	}
	return changes(o.repository().Diff(ctx, text(step, "left"), text(step, "right"), nil))
}

func (o *operations) merge(ctx context.Context, step fields) (fields, error) {
	options := &lakeport.MergeOptions{Message: text(step, "message"), Strategy: strategy(step)}
	id, err := o.repository().Merge(ctx, text(step, "from"), text(step, "into"), options)
	return described(id, err, func(id string) fields { return fields{"commit_id": id} })
}

func (o *operations) revert(ctx context.Context, step fields) (fields, error) {
	options := &lakeport.RevertOptions{ParentNumber: int32(number(step, "parent"))}
	if id, found := transactionID(step); found {
		made, err := o.handle(id).Revert(ctx, text(step, "commit"), options)
		return described(made, err, commit)
	}
	made, err := o.repository().Revert(ctx, ref(step), text(step, "commit"), options)
	return described(made, err, commit)
}

func (o *operations) cherryPick(ctx context.Context, step fields) (fields, error) {
	made, err := o.repository().CherryPick(ctx, ref(step), text(step, "commit"), nil)
	return described(made, err, commit)
}

func (o *operations) reset(ctx context.Context, step fields) (fields, error) {
	_, err := o.repository().Reset(ctx, ref(step), &lakeport.ResetOptions{Path: text(step, "path")})
	return nil, err
}

func (o *operations) serverInfo(ctx context.Context, _ fields) (fields, error) {
	info, err := o.client.ServerInfo(ctx)
	return described(info, err, func(info *lakeport.ServerInfo) fields { return fields{"version": info.Version} })
}

// commit returns the description of a commit.
func commit(found *lakeport.Commit) fields {
	return fields{
		"id":       found.GetCommitId(),
		"message":  found.GetMessage(),
		"metadata": textFields(found.GetMetadata()),
		"parents":  list(found.GetParentCommitIds()),
	}
}
