//! `zerogr serve`: a page to search an index with, for people who would rather look.
//!
//! ```text
//! browser on this machine ── guard ── site ─┬─ search ── results_page, walk
//!                                           └─ document_page
//! ```
//!
//! - I1. Only this machine is listened to, and only pages that were asked for by its name are given: a
//!   web site that makes a browser ask here, or points its own name at this machine, is refused.
//! - I2. A page needs no script and nothing from elsewhere; its policy forbids both to the browser.
//! - I3. Every text of an index is escaped (`maud` does it), and asking changes nothing in an index.

mod asked;
mod document_page;
mod frame;
mod guard;
mod results_page;
mod search;
mod site;
mod walk;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::console::failure::Failure;
use crate::console::output;
use crate::options::device::DeviceArg;
use crate::options::open;
use crate::serve::work;

/// Search an index in a browser: a page on this machine alone.
#[derive(clap::Args)]
pub struct Args {
    /// The index file.
    index: PathBuf,
    /// Where the page is: `http://127.0.0.1:PORT`; 0 takes a port that is free.
    #[arg(long, default_value_t = 7700)]
    port: u16,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    access: open::AccessArgs,
}

/// Runs the command, until it is interrupted.
pub fn run(args: &Args) -> Result<(), Failure> {
    let index = open::to_read(&args.index, &args.access, args.device.device())?;
    work::run(async {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
        let cannot = |error: std::io::Error| {
            Failure::new(format!(
                "cannot serve at {at}: {error}; --port 0 takes a port that is free"
            ))
        };
        let listener = tokio::net::TcpListener::bind(at).await.map_err(cannot)?;
        let at = listener.local_addr().map_err(cannot)?;
        output::line(&format!("http://{at}"))?;
        output::notice("interrupt (Ctrl-C) to end");
        axum::serve(listener, site::routes(index, at.port()))
            .with_graceful_shutdown(interrupted())
            .await
            .map_err(cannot)
    })
}

/// Returns when the program is asked to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Where there is no such signal, the program ends as any other does.
    let _ = tokio::signal::ctrl_c().await;
}
