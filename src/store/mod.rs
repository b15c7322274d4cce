//! One file: append extents, commit, open, verify.
//!
//! The problem: an index must survive a crash at any instruction, be readable by any number of
//! processes without coordination, and live in one file that can be copied with `cp`.
//!
//! ```text
//! commit   1  append extents, then the manifest, after the last committed byte
//!          2  sync                      every byte the commit needs is on disk
//!          3  write one sector: the superblock slot that is not in use
//!          4  sync                      the commit is durable
//! open     choose the valid superblock with the highest generation whose manifest is intact
//! ```
//!
//! Invariants:
//!
//!  - **I1** Committed bytes never change. A reader's extents stay valid however many commits
//!    follow, without a lock and without being noticed.
//!  - **I2** Opening writes nothing. Recovery is a choice between two slots, so a crash during
//!    recovery cannot harm and a file on read-only media opens like any other.
//!  - **I3** Superblocks and the header are read with [`Backend::read_exact_at`], never through a
//!    map: no slice ever covers bytes that the commit protocol changes.
//!  - **I4** After a failed write or sync the handle writes no more: what reached the disk is
//!    unknown, and trying again could report lost data as saved.
//!  - **I5** No byte of a section is handed out before its checksum was verified.
//!  - **I6** One writer at a time, across threads, handles and processes. Readers take no lock.
//!  - **I7** Space comes back by writing a new file and renaming it into place, never inside the
//!    file. The old file lives on, unchanged, for those who still read it.
//!
//! The store knows nothing of tries or models; what sections are called is a registry of the
//! [format](crate::format).
//!
//! | room | what is in it |
//! |---|---|
//! | `system` | files, locks, names: the way to the operating system |
//! | `read` | one committed state: which, its extents and sections |
//! | `write` | commits, copies, vacuum |
//! | `damage` | verifying, and opening what is damaged |

#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

mod damage;
mod handle;
mod mapped;
mod read;
mod system;
mod write;

pub use damage::salvage::Salvage;
pub use damage::verify::{Finding, VerifyLevel, VerifyReport};
pub use handle::{Access, Store};
pub use read::extent::{Extent, SectionInfo};
pub use read::section::Section;
pub use read::snapshot::{Snapshot, Space};
pub use system::backend::Backend;
pub use system::file::FileBackend;
pub use system::memory::MemoryBackend;
pub use system::{place, regular_file};
pub use write::copy::{CompactCopy, Rewrite};
pub use write::create::CreateOptions;
pub(crate) use write::open_or_create::open_or_make;
pub use write::transaction::Transaction;
pub use write::vacuum::VacuumReport;
pub use write::write_lock::{Durability, WriteLock, WriteOptions};
