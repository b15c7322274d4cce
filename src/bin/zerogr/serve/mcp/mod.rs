//! `zerogr mcp`: indexes as tools of the Model Context Protocol.
//!
//! ```text
//! client ── standard input and output ── tools ── answers ── indexes
//!           one JSON message a line       who may   small      by name
//! ```
//!
//! Nothing but messages of the protocol goes to standard output. Without `--allow-write` there is no
//! tool that writes. An answer is never longer than its client asked for.

mod answers;
mod indexes;
mod requests;
mod tools;

use std::path::PathBuf;

use rmcp::ServiceExt;
use rmcp::transport::stdio;

use crate::console::failure::Failure;
use crate::options::device::DeviceArg;
use crate::options::open;
use crate::serve::work;

use indexes::Indexes;
use tools::Tools;

/// Offer indexes to agents and editors as tools, over standard input and output (MCP).
#[derive(clap::Args)]
pub struct Args {
    /// The index files. Clients call them by their names without folder and ending.
    #[arg(required = true, value_name = "INDEX")]
    indexes: Vec<PathBuf>,
    /// Offer tools that add and delete documents too.
    #[arg(long)]
    allow_write: bool,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    write: open::WriteArgs,
}

/// Runs the command, until the client closes standard input.
pub fn run(args: &Args) -> Result<(), Failure> {
    let indexes = Indexes::open(&args.indexes, |path| {
        open::to_write(path, &args.write, args.device.device())
    })?;
    let tools = Tools::new(indexes, args.allow_write);
    work::run(async {
        let service = tools
            .serve(stdio())
            .await
            .map_err(|error| Failure::new(format!("no client of the protocol: {error}")))?;
        let ended = service.waiting().await;
        ended.map_err(|error| Failure::new(format!("serving failed: {error}")))?;
        Ok(())
    })
}
