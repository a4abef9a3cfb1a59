//! Operations of `VersionService`, one file for each RPC.

pub mod cherry_pick;
pub mod create_branch;
pub mod create_commit;
pub mod create_repository;
pub mod create_tag;
pub mod delete_branch;
pub mod delete_repository;
pub mod delete_tag;
pub mod diff;
pub mod get_branch;
pub mod get_commit;
pub mod get_repository;
pub mod get_tag;
pub mod list_branches;
pub mod list_repositories;
pub mod list_tags;
pub mod log;
mod marked_commit;
pub mod merge;
mod merge_conflict;
pub mod merging;
pub mod once;
pub mod refusals;
pub mod reset;
pub mod revert;
mod staging;
