//! `cat`.

use crate::failure::Result;
use crate::session::Session;
use crate::transfer::print;
use crate::uri::LakeUri;
use lakeport_client::ReadOptions;

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// lakefs://REPOSITORY/REF/PATH
    #[arg(required = true, value_name = "URI")]
    uris: Vec<LakeUri>,
    /// First byte of each; negative counts from the end
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "BYTES")]
    offset: i64,
    /// Bytes of each at most; 0 is no limit
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    limit: i64,
}

/// Prints objects, one after another.
///
/// # Errors
/// When one cannot be read; those before it are printed.
pub(super) async fn run(session: &mut Session, args: Args) -> Result<()> {
    for uri in &args.uris {
        let options = ReadOptions { offset: args.offset, limit: args.limit, ..ReadOptions::default() };
        print(&session.client, uri, options).await?;
    }
    Ok(())
}
