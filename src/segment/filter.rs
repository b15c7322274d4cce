//! Searching a part of the documents.
//!
//! ```text
//!   "year >= 2020 and not draft" ── filter_text ──►  Filter ── comparison ──► values of a column
//!                                             │                        │
//!                                 tags, ids, closures                  ▼
//!                                             └─────────────► which documents of a segment
//! ```
//!
//! A filter is turned into a set of documents *before* decoding, and the decoder never enters a
//! branch without one of them. So a filtered search gives `k` hits whenever `k` documents match.
//! Probabilities are shared out among the branches that are left; the vector of a branch is that
//! of everything stored below it, so that it does not matter which segment holds what.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;

use self::comparison::{Comparison, Test};
use super::opened::Segment;
use crate::docs::{Document, FieldTypes, FieldValue};
use crate::{Error, Result};

pub(crate) mod comparison;

/// How deep filters can lie in one another: everything that walks through one calls itself once
/// for each level. `all` in `all` and `any` in `any` are one level, `not` in `not` is none.
pub const MAX_FILTER_NESTING: usize = 64;

type Predicate = dyn Fn(&Document) -> bool + Send + Sync;

/// Which documents a search may find. A search by a filter that is deeper than
/// [`MAX_FILTER_NESTING`] is refused with [`Limit`](crate::ErrorKind::Limit), one by a field that
/// the index has not, or that does not hold such values, with
/// [`InvalidInput`](crate::ErrorKind::InvalidInput).
///
/// ```
/// use zerogr::Filter;
///
/// let recent = Filter::any([Filter::tag("2023"), Filter::tag("2024")]);
/// let filter = Filter::all([recent, Filter::not(Filter::tag("draft"))]);
/// let by_fields = Filter::all([Filter::range("year", 2020..), Filter::one_of("lang", ["en", "de"])]);
/// # let _ = (filter, by_fields);
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
    Field(Comparison),
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

    /// Documents with this value in a field.
    pub fn eq(field: impl Into<String>, value: impl Into<FieldValue>) -> Self {
        Filter::one_of(field, [value])
    }

    /// Documents with one of these values in a field.
    pub fn one_of(
        field: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<FieldValue>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into);
        // A list stands for each of its values.
        let values = values.flat_map(|value| match value {
            FieldValue::List(values) => values,
            one => vec![one],
        });
        Filter::field(field, Test::In(values.collect()))
    }

    /// Documents with a value between two bounds in a field. Keywords are compared by their bytes.
    pub fn range<V: Into<FieldValue> + Clone>(
        field: impl Into<String>,
        bounds: impl RangeBounds<V>,
    ) -> Self {
        let lo = bounds.start_bound().cloned().map(Into::into);
        let hi = bounds.end_bound().cloned().map(Into::into);
        Filter::field(field, Test::Between(lo, hi))
    }

    /// Documents with any value in a field.
    pub fn exists(field: impl Into<String>) -> Self {
        Filter::field(field, Test::Exists)
    }

    /// Documents with a keyword in a field that begins with `prefix`.
    pub fn prefix(field: impl Into<String>, prefix: impl Into<String>) -> Self {
        Filter::field(field, Test::Prefix(prefix.into()))
    }

    fn field(field: impl Into<String>, test: Test) -> Self {
        let field = field.into();
        Filter::leaf(Node::Field(Comparison { field, test }))
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
    /// tags and fields for what is asked often.
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
    ///
    /// # Errors
    ///
    /// `Limit` for too deep a filter; `InvalidInput` for a field that `types` have not, or not of
    /// such values; `Corrupt`, `UnsupportedVersion` or `Io` when a document cannot be read.
    pub(crate) fn matching(&self, segment: &Segment, types: &FieldTypes) -> Result<Vec<bool>> {
        let mut matching = self.evaluate(segment, types)?;
        for (ordinal, matches) in (0u32..).zip(&mut matching) {
            *matches &= segment.is_live(ordinal);
        }
        Ok(matching)
    }

    /// By ordinal: whether the document passes, deleted or not.
    fn evaluate(&self, segment: &Segment, types: &FieldTypes) -> Result<Vec<bool>> {
        let mut matching = vec![false; segment.document_count as usize];
        self.mark(segment, types, &mut matching)?;
        Ok(matching)
    }

    /// Marks the documents that pass, deleted or not, among those that are marked already.
    fn mark(&self, segment: &Segment, types: &FieldTypes, marked: &mut [bool]) -> Result<()> {
        let mut mark = |ordinal: u32| {
            if let Some(slot) = marked.get_mut(ordinal as usize) {
                *slot = true;
            }
        };
        let documents = &segment.documents;
        match &self.node {
            Node::Tag(tag) => documents.tagged(tag).for_each(mark),
            Node::Ids(ids) => ids
                .iter()
                .filter_map(|id| documents.find(id))
                .for_each(mark),
            Node::Field(comparison) => {
                let column = documents.column(&comparison.field);
                for values in comparison.values(types, column)? {
                    if let Some(column) = column {
                        column.documents_of(values).for_each(&mut mark);
                    }
                }
            }
            Node::Documents(predicate) => {
                let is_live = |ordinal| segment.is_live(ordinal);
                documents.for_each(is_live, |ordinal, document| {
                    if predicate(&document) {
                        mark(ordinal);
                    }
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
                let inner = filter.evaluate(segment, types)?;
                combine(marked, &inner, |marked, inner| marked || !inner);
            }
            Node::All(filters) => {
                let mut all = vec![true; marked.len()];
                for filter in filters {
                    let inner = filter.evaluate(segment, types)?;
                    combine(&mut all, &inner, |all, inner| all && inner);
                }
                combine(marked, &all, |marked, all| marked || all);
            }
            Node::Any(filters) => {
                for filter in filters {
                    filter.mark(segment, types, marked)?;
                }
            }
        }
        Ok(())
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
            (Node::Field(a), Node::Field(b)) => a == b,
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
            Node::Field(comparison) => comparison.fmt(f),
            Node::Documents(_) => f.write_str("Documents(..)"),
            Node::TooDeep => f.write_str("TooDeep"),
        }
    }
}
