//! Searching a part of the documents.
//!
//! A filter is turned into a set of documents *before* decoding, and the decoder never enters a
//! branch without one of them. So a filtered search gives `k` hits whenever `k` documents match.
//! Probabilities are shared out among the branches that are left; the vector of a branch is that
//! of everything stored below it, so that it does not matter which segment holds what.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::segment::Segment;
use crate::Result;
use crate::docs::Document;

type Predicate = dyn Fn(&Document) -> bool + Send + Sync;

/// Which documents a search may find.
///
/// ```
/// use zerogr::index::Filter;
///
/// let recent = Filter::any([Filter::tag("2023"), Filter::tag("2024")]);
/// let filter = Filter::all([recent, Filter::not(Filter::tag("draft"))]);
/// # let _ = filter;
/// ```
#[derive(Clone)]
pub struct Filter(Node);

#[derive(Clone)]
enum Node {
    Tag(String),
    Ids(BTreeSet<String>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Documents(Arc<Predicate>),
}

impl Filter {
    /// Documents that carry a tag.
    pub fn tag(tag: impl Into<String>) -> Self {
        Filter(Node::Tag(tag.into()))
    }

    /// Documents with one of these external ids; unknown ids are ignored.
    pub fn ids(ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Filter(Node::Ids(ids.into_iter().map(Into::into).collect()))
    }

    /// Documents that pass every one of `filters`; every document if there are none.
    pub fn all(filters: impl IntoIterator<Item = Filter>) -> Self {
        Filter(Node::All(filters.into_iter().collect()))
    }

    /// Documents that pass at least one of `filters`; none if there are none.
    pub fn any(filters: impl IntoIterator<Item = Filter>) -> Self {
        Filter(Node::Any(filters.into_iter().collect()))
    }

    /// Documents that do not pass `filter`.
    #[allow(clippy::should_implement_trait)]
    pub fn not(filter: Filter) -> Self {
        Filter(Node::Not(Box::new(filter)))
    }

    /// Documents for which `predicate` holds. Every stored document is unpacked for it, so prefer
    /// tags for what is asked often.
    pub fn documents(predicate: impl Fn(&Document) -> bool + Send + Sync + 'static) -> Self {
        Filter(Node::Documents(Arc::new(predicate)))
    }

    /// By ordinal: whether the document is not deleted and passes.
    pub(super) fn matching(&self, segment: &Segment) -> Result<Vec<bool>> {
        let mut matching = self.evaluate(segment)?;
        for (ordinal, matches) in (0u32..).zip(&mut matching) {
            *matches &= segment.is_live(ordinal);
        }
        Ok(matching)
    }

    /// By ordinal: whether the document passes, deleted or not.
    fn evaluate(&self, segment: &Segment) -> Result<Vec<bool>> {
        let constant = |value| vec![value; segment.document_count as usize];
        let mut matching = constant(false);
        let mut mark = |ordinal: u32, matches: bool| {
            if let Some(slot) = matching.get_mut(ordinal as usize) {
                *slot = matches;
            }
        };
        match &self.0 {
            Node::Tag(tag) => segment
                .documents
                .tagged(tag)
                .for_each(|ordinal| mark(ordinal, true)),
            Node::Ids(ids) => ids
                .iter()
                .filter_map(|id| segment.documents.find(id))
                .for_each(|ordinal| mark(ordinal, true)),
            Node::Documents(predicate) => {
                let is_live = |ordinal| segment.is_live(ordinal);
                segment.documents.for_each(is_live, |ordinal, document| {
                    mark(ordinal, predicate(&document));
                    Ok(())
                })?;
            }
            Node::Not(filter) => {
                let inner = filter.evaluate(segment)?;
                matching = inner.into_iter().map(|matches| !matches).collect();
            }
            Node::All(filters) => {
                matching = constant(true);
                for filter in filters {
                    let inner = filter.evaluate(segment)?;
                    combine(&mut matching, &inner, |a, b| a && b);
                }
            }
            Node::Any(filters) => {
                for filter in filters {
                    let inner = filter.evaluate(segment)?;
                    combine(&mut matching, &inner, |a, b| a || b);
                }
            }
        }
        Ok(matching)
    }
}

fn combine(left: &mut [bool], right: &[bool], operator: impl Fn(bool, bool) -> bool) {
    for (left, right) in left.iter_mut().zip(right) {
        *left = operator(*left, *right);
    }
}

impl PartialEq for Filter {
    /// Two predicates are equal when they are the same one.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Node::Tag(a), Node::Tag(b)) => a == b,
            (Node::Ids(a), Node::Ids(b)) => a == b,
            (Node::All(a), Node::All(b)) | (Node::Any(a), Node::Any(b)) => a == b,
            (Node::Not(a), Node::Not(b)) => a == b,
            (Node::Documents(a), Node::Documents(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Node::Tag(tag) => f.debug_tuple("Tag").field(tag).finish(),
            Node::Ids(ids) => f.debug_tuple("Ids").field(ids).finish(),
            Node::All(filters) => f.debug_tuple("All").field(filters).finish(),
            Node::Any(filters) => f.debug_tuple("Any").field(filters).finish(),
            Node::Not(filter) => f.debug_tuple("Not").field(filter).finish(),
            Node::Documents(_) => f.write_str("Documents(..)"),
        }
    }
}
