//! What handles stand for, and what is done with it, in safe Rust.

mod opened;
mod searched;
mod writing;

pub use opened::{Opened, check, create};
pub use searched::{Query, Searched, SnippetFormat};
pub use writing::Writing;
