//! Prefixes waiting to be opened, the most promising first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::memo::{Memo, NodeId};
use crate::Result;

/// A prefix that waits, with what its decoder wants to remember of it.
pub(super) struct Entry<T> {
    /// The greatest comes first.
    pub key: f64,
    /// Orders equal keys in a way that does not depend on when a prefix was found.
    pub tie: u64,
    pub id: NodeId,
    pub with: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key
            .total_cmp(&other.key)
            .then(self.tie.cmp(&other.tie))
            .then(other.id.cmp(&self.id))
    }
}

/// A priority queue of prefixes.
pub(super) struct Frontier<T> {
    heap: BinaryHeap<Entry<T>>,
}

impl<T> Frontier<T> {
    pub(super) fn new() -> Self {
        Frontier {
            heap: BinaryHeap::new(),
        }
    }

    pub(super) fn push(&mut self, entry: Entry<T>) {
        self.heap.push(entry);
    }

    /// The greatest key.
    pub(super) fn best_key(&self) -> Option<f64> {
        self.heap.peek().map(|entry| entry.key)
    }

    /// Takes the greatest entry out. If it has to be opened and calls of the expander are dear,
    /// it is opened in one call with those unknown among the entries that come next: as many
    /// entries are looked at as a call may carry prefixes, so that what was opened ahead is used
    /// before more is.
    pub(super) fn pop(&mut self, memo: &mut Memo<'_>) -> Result<Option<Entry<T>>> {
        let Some(first) = self.heap.pop() else {
            return Ok(None);
        };
        let batch = memo.batch();
        if batch > 1 && memo.is_unknown(first.id) {
            let next: Vec<Entry<T>> = (1..batch).map_while(|_| self.heap.pop()).collect();
            let ahead = std::iter::once(&first).chain(&next).map(|entry| entry.id);
            memo.open_all(&ahead.collect::<Vec<_>>())?;
            self.heap.extend(next);
        }
        Ok(Some(first))
    }
}
