//! Damage: finding it, reading around it, and saving what is left.
//!
//! ```text
//!   check       what is damaged, and which documents it puts at risk      reads only
//!   Documents   the documents alone, around damage to everything else     reads only
//!   recover     a new file of all that is left, made whole                the old file is only read
//! ```

mod check;
mod condition;
mod documents;
mod documents_left;
mod mend;
mod params_left;
mod recover;

pub use check::{CheckReport, check};
pub use condition::AtRisk;
pub use documents::{Documents, Unreadable};
pub use recover::{RecoverReport, recover, recover_with};
