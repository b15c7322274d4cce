//! Laws of the whole index that only its inside shows.

mod filtered;
