//! Ids of one input that come more than once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use crate::{Error, Result};

/// Duplicates that are named; more are only counted.
const NAMED: usize = 5;

/// What to do with a document whose id an earlier one of the same input has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// Read on to the end, and fail there with the names and places of the first of them.
    #[default]
    Error,
    /// Keep the first document of an id.
    First,
    /// Keep the last document of an id. The reader cannot take back what it has given: it gives
    /// both, and [`Writer::add`](crate::Writer::add) puts the later one in the place of
    /// the other.
    Last,
}

/// Where a document comes from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: Arc<str>,
    /// Counted from 1; `None` where the document is the whole file.
    pub(super) line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// The ids of an input so far.
#[derive(Debug, Default)]
pub(super) struct Ids {
    places: HashMap<String, Place>,
    named: Vec<String>,
    duplicate_count: u64,
}

impl Ids {
    /// Notes the id of a document; whether the document is to be given on.
    pub(super) fn admit(&mut self, id: &str, place: Place, rule: OnDuplicate) -> bool {
        match self.places.entry(id.to_owned()) {
            Entry::Vacant(slot) => {
                slot.insert(place);
                true
            }
            Entry::Occupied(mut first) => {
                self.duplicate_count += 1;
                if self.named.len() < NAMED {
                    self.named
                        .push(format!("{id:?} at {place}, first at {}", first.get()));
                }
                let is_last = rule == OnDuplicate::Last;
                if is_last {
                    first.insert(place);
                }
                is_last
            }
        }
    }

    /// Documents whose id an earlier one had.
    pub(super) fn duplicate_count(&self) -> u64 {
        self.duplicate_count
    }

    /// What is to be said at the end of the input.
    pub(super) fn check(&self, rule: OnDuplicate) -> Result<()> {
        if self.duplicate_count == 0 || rule != OnDuplicate::Error {
            return Ok(());
        }
        let mut list = self.named.join("; ");
        let more = self.duplicate_count - self.named.len() as u64;
        if more > 0 {
            list += &format!("; and {more} more");
        }
        Err(Error::invalid(format!(
            "an id comes more than once: {list}; give every document an id of its own, or keep \
             one of each with `--on-duplicate first` or `--on-duplicate last`"
        )))
    }
}
