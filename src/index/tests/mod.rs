//! Laws of the whole index that only its inside shows.

mod filtered;
#[cfg(feature = "eval")]
mod pools;
