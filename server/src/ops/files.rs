//! Operations of `FileService`, one file for each RPC.

pub mod batch;
pub mod batch_read;
pub mod batch_stat;
pub mod batch_write;
pub mod compose;
pub mod content_type;
pub mod copy;
pub mod copy_across;
pub mod delete;
pub mod file_info;
pub mod get_server_info;
pub mod guards;
pub mod in_flight;
pub mod list;
pub mod r#move;
pub mod object_metadata;
pub mod presign;
pub mod read;
pub mod set_metadata;
pub mod settle;
pub mod stat;
pub mod store_object;
pub mod transfer;
mod unchanged;
pub mod write;
