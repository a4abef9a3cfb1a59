//! `lakeport cat`.

use crate::failure::Result;
use crate::session::Session;
use crate::transfer::print_object;
use crate::uri::LakeUri;
use lakeport_client::ReadOptions;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PATH
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
    /// Start at this byte of each object; a negative offset counts from the end
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "BYTES")]
    offset: i64,
    /// Print at most this number of bytes of each object; 0 for no limit
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    limit: i64,
}

/// Prints the content of the objects in order. Stops at the first object that it cannot read.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    for uri in &args.uris {
        let options = ReadOptions { offset: args.offset, limit: args.limit, ..ReadOptions::default() };
        print_object(&session.client, uri, options).await?;
    }
    Ok(())
}
