//! What came of a commit.

/// What a commit did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct CommitReport {
    /// Number of the commit.
    pub generation: u64,
    /// Documents added, those that replaced another included.
    pub added: usize,
    /// Passages of the documents added; more than these where any of them is cut.
    pub passages: usize,
    /// Documents dropped because a later one had the same external id: the last one wins.
    pub replaced: usize,
    /// Documents deleted by request.
    pub deleted: usize,
    /// Distinct docids of the documents added.
    pub docids: usize,
    /// Docids shared by several of the documents added; all of them stay retrievable.
    pub colliding_docids: usize,
    /// Fields of the documents added that are only kept with them ([`Writer::fields_lenient`](crate::Writer::fields_lenient)).
    pub untyped_fields: usize,
    /// Documents without an indexable term; their docid is made of the external id.
    pub without_terms: usize,
    /// Segments that were merged away.
    pub merged_segments: usize,
    /// Segments the index has now.
    pub segments: usize,
    /// Bytes that an automatic vacuum gave back.
    pub vacuumed_bytes: u64,
}
