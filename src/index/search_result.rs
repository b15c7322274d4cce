//! What a search returns.

use super::snapshot::Snapshot;
use crate::Result;
use crate::decode::Work;
use crate::docs::Document;
use crate::search::{Found, Hit};

/// The hits of one query, best first, what they cost, and the state they were found in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SearchResult {
    /// Best first.
    pub hits: Vec<Hit>,
    /// False when the budget ended the search; the hits are the best found until then.
    pub complete: bool,
    /// Work done by the decoder.
    pub work: Work,
    snapshot: Snapshot,
}

/// Equal when the hits and what they cost are, whatever state they were found in.
impl PartialEq for SearchResult {
    fn eq(&self, other: &Self) -> bool {
        (&self.hits, self.complete, self.work) == (&other.hits, other.complete, other.work)
    }
}

impl SearchResult {
    pub(super) fn new(found: Found, snapshot: &Snapshot) -> Self {
        SearchResult {
            hits: found.hits,
            complete: found.complete,
            work: found.work,
            snapshot: snapshot.clone(),
        }
    }

    /// The state that was searched. Every hit is in it, whatever has been committed since.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The documents of the hits, in their order.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when one of them is damaged.
    pub fn documents(&self) -> Result<Vec<Document>> {
        self.snapshot.documents(&self.hits)
    }
}
