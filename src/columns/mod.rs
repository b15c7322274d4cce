//! Typed views of section bodies: the few shapes all layers store their data in.
//!
//! | view | shape |
//! |---|---|
//! | [`Csr`] | row -> list of `u32` |
//! | [`Strings`] | row -> UTF-8 text |
//! | [`VectorRows`] | row -> float16 vector |
//! | [`SignLists`] | row -> list of vectors of which the signs are kept |
//!
//! A view is opened once, which checks every offset, and then read in place.

mod csr;
mod sign_lists;
mod source;
mod strings;
pub(crate) mod transducer;
mod vector_rows;

pub use csr::{Csr, CsrBuilder};
pub use sign_lists::{OwnedSignList, SignList, SignLists, SignListsBuilder};
pub use source::{LazySection, MemorySections, SectionSource};
pub use strings::{Strings, StringsBuilder};
pub use vector_rows::VectorRows;
