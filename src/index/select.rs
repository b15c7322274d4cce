//! Documents of a snapshot without a query: counted and listed, as filters and fields have it.

use std::collections::HashSet;

use super::search_result::SearchResult;
use super::snapshot::Snapshot;
use crate::Result;
use crate::docs::{Document, FieldValue};
use crate::segment::{DocumentPlace, Facet, FacetCounts, Filter, count, id_at, places_of, sorted};

/// Which documents to list, and in which order.
///
/// ```
/// use zerogr::{Filter, ListOptions};
///
/// let newest = ListOptions::new()
///     .filter(Filter::exists("year"))
///     .sort_descending("year")
///     .limit(10);
/// # let _ = newest;
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ListOptions {
    /// Which documents; all of them by default.
    pub filter: Option<Filter>,
    /// The field whose order they have; by default it is that in which they are stored. A document
    /// with several values has the place of its smallest, or, descending, of its largest; those
    /// without a value come last.
    pub sort: Option<String>,
    /// Whether the largest values come first.
    pub is_descending: bool,
    /// The most that are listed.
    pub limit: Option<usize>,
}

impl ListOptions {
    /// All documents, in the order they are stored.
    pub fn new() -> Self {
        ListOptions::default()
    }

    /// Sets which documents are listed.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Puts the smallest values of a field first.
    pub fn sort(mut self, field: impl Into<String>) -> Self {
        self.sort = Some(field.into());
        self.is_descending = false;
        self
    }

    /// Puts the largest values of a field first.
    pub fn sort_descending(self, field: impl Into<String>) -> Self {
        ListOptions {
            is_descending: true,
            ..self.sort(field)
        }
    }

    /// Sets how many documents are listed at most.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl Snapshot {
    /// External ids of documents, in the order of `options`. No document is unpacked, but for a
    /// filter that is a closure.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a field that the index has not, or that
    /// does not hold such values; [`Limit`](crate::ErrorKind::Limit) for too deep a filter;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when a document that a closure asks for is damaged.
    pub fn list(&self, options: &ListOptions) -> Result<Vec<String>> {
        let places = self.places(options)?;
        let id = |place| id_at(&self.state.segments, place).to_owned();
        Ok(places.into_iter().map(id).collect())
    }

    fn places(&self, options: &ListOptions) -> Result<Vec<DocumentPlace>> {
        let passing = self.passing(options.filter.as_ref())?;
        let segments = &self.state.segments;
        let mut places = match &options.sort {
            Some(field) => {
                let types = &self.params().fields;
                sorted(segments, passing, field, options.is_descending, types)?
            }
            None => places_of(&passing).collect(),
        };
        places.truncate(options.limit.unwrap_or(usize::MAX));
        Ok(places)
    }

    /// Calls `each` with the id of every document that has a value of `field`, and the value, until it
    /// fails; of a list with each one that differs. No document is unpacked.
    ///
    /// # Errors
    ///
    /// What `each` gives.
    pub fn for_each_value(
        &self,
        field: &str,
        mut each: impl FnMut(&str, &FieldValue) -> Result<()>,
    ) -> Result<()> {
        for segment in self.state.segments.iter() {
            let Some(column) = segment.documents.column(field) else {
                continue;
            };
            for number in 0..column.value_count() {
                let value = column.value(number);
                for ordinal in column.documents(number).filter(|&one| segment.is_live(one)) {
                    each(segment.documents.id(ordinal), &value)?;
                }
            }
        }
        Ok(())
    }

    /// Calls `each` with documents, in the order of `options`, until it fails.
    ///
    /// # Errors
    ///
    /// What `each` gives; those of [`Snapshot::list`]; `Corrupt` when a document cannot be read.
    pub fn for_each_listed(
        &self,
        options: &ListOptions,
        mut each: impl FnMut(Document) -> Result<()>,
    ) -> Result<()> {
        let segments = &self.state.segments;
        let places = self.places(options)?;
        if options.sort.is_some() {
            // Side by side in the listing, not in their blocks.
            return places.into_iter().try_for_each(|place| {
                match segments.get(place.segment as usize) {
                    Some(segment) => each(segment.document(place.ordinal)?),
                    None => Ok(()),
                }
            });
        }
        let mut places = places.into_iter().peekable();
        for (number, segment) in (0u32..).zip(segments) {
            let mut ordinals = HashSet::new();
            while let Some(place) = places.next_if(|place| place.segment == number) {
                ordinals.insert(place.ordinal);
            }
            let is_listed = |ordinal| ordinals.contains(&ordinal);
            segment.documents.for_each(is_listed, |ordinal, document| {
                each(segment.with_docids(ordinal, document))
            })?;
        }
        Ok(())
    }

    /// How many of the documents that pass `filter`, or of all, have which value of a field, exactly:
    /// in all of the index, not among the hits of a search ([`SearchResult::count_hits`]).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a field that the index has not, or that
    /// does not hold such values; [`Limit`](crate::ErrorKind::Limit) for too deep a filter;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when a document that a closure asks for is damaged.
    pub fn count_matching(&self, facet: &Facet, filter: Option<&Filter>) -> Result<FacetCounts> {
        let passing = self.passing(filter)?;
        count(&self.state.segments, &passing, facet, &self.params().fields)
    }

    /// By segment and ordinal, whether a document is there and passes.
    fn passing(&self, filter: Option<&Filter>) -> Result<Vec<Vec<bool>>> {
        let types = &self.params().fields;
        let segments = self.state.segments.iter();
        let passing = segments.map(|segment| match filter {
            Some(filter) => filter.matching(segment, types),
            None => Ok((0..segment.document_count)
                .map(|ordinal| segment.is_live(ordinal))
                .collect()),
        });
        passing.collect()
    }
}

impl SearchResult {
    /// How many of the hits have which value of a field. [`Snapshot::count_matching`] counts all
    /// documents that pass a filter.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a field that the index has not, or that
    /// does not hold such values.
    pub fn count_hits(&self, facet: &Facet) -> Result<FacetCounts> {
        let ids = self.hits.iter().map(|hit| hit.id.as_str());
        let filter = Filter::ids(ids);
        self.snapshot().count_matching(facet, Some(&filter))
    }
}
