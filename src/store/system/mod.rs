//! The way to the operating system: files, locks, names.
//!
//! | file | concept |
//! |---|---|
//! | [`backend`] | all that the store asks of a file |
//! | [`file`], [`memory`] | a file of the system; bytes in memory |
//! | [`regular_file`] | opening files by paths that came from somewhere else |
//! | [`lock`] | one writer, across threads and processes |
//! | [`place`], [`appear`] | how a file comes to its place; one that appears with all it holds |
//! | [`temporary`], [`strays`] | files on their way, and what killed processes left of them |
//! | [`page_cache`] | what the kernel has cached and the disk may not have |
//! | [`nonce`] | identities and nonces |

pub(in crate::store) mod appear;
pub(in crate::store) mod backend;
pub(in crate::store) mod file;
pub(in crate::store) mod lock;
pub(in crate::store) mod memory;
pub(in crate::store) mod nonce;
pub(in crate::store) mod page_cache;
pub mod place;
pub mod regular_file;
pub(in crate::store) mod strays;
pub(in crate::store) mod temporary;
#[cfg(windows)]
pub(in crate::store) mod windows_file;
