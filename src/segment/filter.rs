//! Searching a part of the documents.
//!
//! A filter is turned into a set of documents *before* decoding, and the decoder never enters a
//! branch without one of them. So a filtered search gives `k` hits whenever `k` documents match.
//! Probabilities are shared out among the branches that are left; the vector of a branch is that
//! of everything stored below it, so that it does not matter which segment holds what.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::opened::Segment;
use crate::docs::Document;
use crate::{Error, Result};

/// How deep filters can lie in one another: everything that walks through one calls itself once
/// for each level. `all` in `all` and `any` in `any` are one level, `not` in `not` is none.
pub const MAX_FILTER_NESTING: usize = 64;

type Predicate = dyn Fn(&Document) -> bool + Send + Sync;

/// Which documents a search may find. A search by a filter that is deeper than
/// [`MAX_FILTER_NESTING`] is refused with [`Limit`](crate::ErrorKind::Limit).
///
/// ```
/// use zerogr::Filter;
///
/// let recent = Filter::any([Filter::tag("2023"), Filter::tag("2024")]);
/// let filter = Filter::all([recent, Filter::not(Filter::tag("draft"))]);
/// # let _ = filter;
/// ```
#[derive(Clone)]
pub struct Filter {
    node: Node,
    /// Levels below this one; at most [`MAX_FILTER_NESTING`], or it is [`Node::TooDeep`].
    nesting: usize,
}

#[derive(Clone)]
enum Node {
    Tag(String),
    Ids(BTreeSet<String>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Documents(Arc<Predicate>),
    /// What would have been deeper than allowed.
    TooDeep,
}

impl Filter {
    /// Documents that carry a tag.
    pub fn tag(tag: impl Into<String>) -> Self {
        Filter::leaf(Node::Tag(tag.into()))
    }

    /// Documents with one of these external ids; unknown ids are ignored.
    pub fn ids(ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Filter::leaf(Node::Ids(ids.into_iter().map(Into::into).collect()))
    }

    /// Documents that pass every one of `filters`; every document if there are none.
    pub fn all(filters: impl IntoIterator<Item = Filter>) -> Self {
        Filter::of_list(filters, Node::All, |node| match node {
            Node::All(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// Documents that pass at least one of `filters`; none if there are none.
    pub fn any(filters: impl IntoIterator<Item = Filter>) -> Self {
        Filter::of_list(filters, Node::Any, |node| match node {
            Node::Any(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// Documents that do not pass `filter`.
    #[allow(clippy::should_implement_trait)]
    pub fn not(filter: Filter) -> Self {
        match filter.node {
            Node::Not(inner) => *inner,
            _ => Filter::above(filter.nesting, Node::Not(Box::new(filter))),
        }
    }

    /// Documents for which `predicate` holds. Every stored document is unpacked for it, so prefer
    /// tags for what is asked often.
    pub fn documents(predicate: impl Fn(&Document) -> bool + Send + Sync + 'static) -> Self {
        Filter::leaf(Node::Documents(Arc::new(predicate)))
    }

    fn leaf(node: Node) -> Self {
        Filter { node, nesting: 0 }
    }

    /// A level above filters of which the deepest has `nesting` levels.
    fn above(nesting: usize, node: Node) -> Self {
        let nesting = nesting.saturating_add(1);
        match nesting <= MAX_FILTER_NESTING {
            true => Filter { node, nesting },
            false => Filter {
                node: Node::TooDeep,
                nesting: MAX_FILTER_NESTING,
            },
        }
    }

    /// A list; those of its own kind that `inner` finds in it are spread out in it.
    fn of_list(
        filters: impl IntoIterator<Item = Filter>,
        node: fn(Vec<Filter>) -> Node,
        inner: fn(Node) -> std::result::Result<Vec<Filter>, Node>,
    ) -> Self {
        let mut list = Vec::new();
        let mut nesting = 0;
        for Filter { node, nesting: own } in filters {
            match inner(node) {
                Ok(mut spread) => {
                    nesting = nesting.max(own.saturating_sub(1));
                    // Moves the shorter one: lists that grow from either end stay cheap.
                    if list.len() < spread.len() {
                        std::mem::swap(&mut list, &mut spread);
                    }
                    list.append(&mut spread);
                }
                Err(node) => {
                    nesting = nesting.max(own);
                    list.push(Filter { node, nesting: own });
                }
            }
        }
        Filter::above(nesting, node(list))
    }

    /// By ordinal: whether the document is not deleted and passes.
    pub(crate) fn matching(&self, segment: &Segment) -> Result<Vec<bool>> {
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
        match &self.node {
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
            Node::TooDeep => {
                return Err(Error::limit(format!(
                    "filters lie more than {MAX_FILTER_NESTING} deep in one another: put them \
                     into fewer lists"
                )));
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
        match (&self.node, &other.node) {
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
        match &self.node {
            Node::Tag(tag) => f.debug_tuple("Tag").field(tag).finish(),
            Node::Ids(ids) => f.debug_tuple("Ids").field(ids).finish(),
            Node::All(filters) => f.debug_tuple("All").field(filters).finish(),
            Node::Any(filters) => f.debug_tuple("Any").field(filters).finish(),
            Node::Not(filter) => f.debug_tuple("Not").field(filter).finish(),
            Node::Documents(_) => f.write_str("Documents(..)"),
            Node::TooDeep => f.write_str("TooDeep"),
        }
    }
}
