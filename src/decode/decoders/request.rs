//! What a decoder is asked for, and what it gives.

use super::drawn::{Drawn, Postings};
use super::prior::Planner;

/// What a decoder is asked for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Passages wanted.
    pub k: usize,
    /// Which passages carry which docids.
    pub postings: &'a dyn Postings,
    /// A prior to add to the score; for [`BestFirst`](crate::decode::Decoder::BestFirst) only.
    pub planner: Option<Planner<'a>>,
}

/// What a decoder found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// Passages by falling score. As many as were wanted *and every passage tied with the last
    /// of them*; the order among ties is left to the caller.
    pub passages: Vec<Drawn>,
    /// False when the budget ended the search. The passages are then the best found so far, and
    /// scores of passages may leave out docids that were not reached.
    pub complete: bool,
}
