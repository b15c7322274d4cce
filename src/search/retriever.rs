//! Who says how probable docids are (`ARCHITECTURE.md`, D5).

mod compact;

pub use compact::CompactExpander;

use super::encoded_query::EncodedQuery;
use crate::Error;
use crate::decode::Expander;
use crate::segment::CompactEdges;
use crate::trie::Forest;

/// One query, as a retriever holds it.
pub(crate) trait Retriever {
    /// Scores prefixes of `forest` for the query.
    fn expander<'a>(&'a self, forest: &'a Forest<'a>) -> Box<dyn Expander + 'a>;

    /// What puts drawn documents in another order, if anything does: `asked_for` is the caller's
    /// word, `by_default` the index's.
    fn reranker(&self, asked_for: Option<bool>, by_default: bool) -> Option<Reranker<'_>>;

    /// The query as the encoder understands it, if it has read it.
    fn encoded_query(&self) -> Option<&EncodedQuery>;

    /// An error of a search by it, with its name where it is to blame.
    fn named(&self, error: Error) -> Error {
        error
    }
}

/// What puts drawn documents in another order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reranker<'a> {
    /// The encoder's vectors of documents and of tokens, compared with those of the query.
    Encoder(&'a EncodedQuery),
    /// The retriever itself, by what its expander says of whole docids.
    #[cfg_attr(not(feature = "models"), expect(dead_code))]
    Docids,
}

/// The compact retriever: the trie head draws, the document head and the tokens rerank.
pub(super) struct CompactRetriever<'a> {
    pub(super) query: &'a EncodedQuery,
    /// Sharpness of the softmax.
    pub(super) scale: f32,
    pub(super) edges: CompactEdges<'a>,
}

impl Retriever for CompactRetriever<'_> {
    fn expander<'a>(&'a self, _: &'a Forest<'a>) -> Box<dyn Expander + 'a> {
        Box::new(CompactExpander::new(
            self.query.asked(),
            self.scale,
            self.edges.clone(),
        ))
    }

    fn encoded_query(&self) -> Option<&EncodedQuery> {
        Some(self.query)
    }

    fn reranker(&self, asked_for: Option<bool>, by_default: bool) -> Option<Reranker<'_>> {
        asked_for
            .unwrap_or(by_default)
            .then_some(Reranker::Encoder(self.query))
    }
}
