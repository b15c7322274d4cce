//! One file: commits, crashes, locks, copies, and other processes that use it at the same time.
#![allow(clippy::unwrap_used)]

#[path = "../support"]
mod support {
    pub mod process;
    pub mod segments;
    pub mod store;
}

mod commit;
mod crash;
mod failed_sync;
#[cfg(unix)]
mod full_disk;
mod lock;
mod processes;
#[cfg(target_os = "linux")]
mod signals;
mod vacuum;
