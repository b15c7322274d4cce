//! What runs as long as others ask: one thread for them, and others for the work.

use crate::console::failure::Failure;

/// Runs `serving` to its end. Work that nobody waits for any more does not keep the program.
pub fn run<T>(serving: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot begin to serve: {error}")))?;
    let served = runtime.block_on(serving);
    runtime.shutdown_background();
    served
}
