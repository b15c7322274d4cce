//! What a long operation is doing, for progress bars.

/// A stage of building or training an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Making docids; counts documents.
    Docids,
    /// Encoding documents; counts documents.
    EncodingDocuments,
    /// Making pseudo-queries; counts documents.
    PseudoQueries,
    /// Encoding pseudo-queries; counts pseudo-queries.
    EncodingPseudoQueries,
    /// Fitting the trie head; counts examples, and may stop early.
    FittingTrieHead,
    /// Fitting the document head; counts examples, and may stop early.
    FittingDocumentHead,
    /// Writing and syncing; counts steps.
    Writing,
}

impl Stage {
    /// A few words for people.
    pub fn label(self) -> &'static str {
        match self {
            Stage::Docids => "making docids",
            Stage::EncodingDocuments => "encoding documents",
            Stage::PseudoQueries => "making pseudo-queries",
            Stage::EncodingPseudoQueries => "encoding pseudo-queries",
            Stage::FittingTrieHead => "fitting the trie head",
            Stage::FittingDocumentHead => "fitting the document head",
            Stage::Writing => "writing",
        }
    }
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Units done.
    pub done: usize,
    /// Units in all, or the most there can be.
    pub total: usize,
}

/// Receives progress; `&mut |_| {}` ignores it.
pub type ProgressFn<'a> = &'a mut dyn FnMut(Progress);
