//! Typed views of section bodies: the few shapes all layers store their data in.
//!
//! | view | shape |
//! |---|---|
//! | [`Csr`] | row -> list of `u32` |
//! | [`Strings`] | row -> UTF-8 text |
//! | [`VectorRows`] | row -> float16 vector |
//!
//! A view is opened once, which checks every offset, and then read in place.

mod csr;
mod source;
mod strings;
pub(crate) mod transducer;
mod vector_rows;

pub use csr::{Csr, CsrBuilder};
pub use source::{LazySection, MemorySections, SectionSource};
pub use strings::{Strings, StringsBuilder};
pub use vector_rows::VectorRows;
