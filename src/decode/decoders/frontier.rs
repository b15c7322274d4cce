//! Prefixes waiting to be opened, the most promising first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::Result;
use crate::decode::prefixes::memo::{Memo, NodeId};

/// A prefix that waits, with what its decoder wants to remember of it.
pub(in crate::decode) struct Entry<T, Tie = ()> {
    /// The greatest comes first.
    pub key: f64,
    /// Orders equal keys in a way that does not depend on when a prefix was found, where the order
    /// matters.
    pub tie: Tie,
    pub id: NodeId,
    pub with: T,
}

impl<T, Tie: Ord> PartialEq for Entry<T, Tie> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T, Tie: Ord> Eq for Entry<T, Tie> {}

impl<T, Tie: Ord> PartialOrd for Entry<T, Tie> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T, Tie: Ord> Ord for Entry<T, Tie> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key
            .total_cmp(&other.key)
            .then(self.tie.cmp(&other.tie))
            .then(other.id.cmp(&self.id))
    }
}

/// A priority queue of prefixes.
pub(in crate::decode) struct Frontier<T, Tie = ()> {
    heap: BinaryHeap<Entry<T, Tie>>,
}

impl<T, Tie: Ord> Frontier<T, Tie> {
    pub(in crate::decode) fn new() -> Self {
        Frontier {
            heap: BinaryHeap::new(),
        }
    }

    pub(in crate::decode) fn push(&mut self, entry: Entry<T, Tie>) {
        self.heap.push(entry);
    }

    /// Adds many at once, for less than one by one.
    pub(in crate::decode) fn extend(&mut self, entries: impl Iterator<Item = Entry<T, Tie>>) {
        self.heap.extend(entries);
    }

    /// The greatest key.
    pub(in crate::decode) fn best_key(&self) -> Option<f64> {
        self.heap.peek().map(|entry| entry.key)
    }

    /// Takes the greatest entry out. If it needs a call of the expander and calls are dear, those
    /// that also need one among the entries that come next are opened in the same call, as many as
    /// it may carry. Below every entry is a docid: with `wanted` docids to go, entries behind that
    /// many are not looked at.
    pub(in crate::decode) fn pop(
        &mut self,
        memo: &mut Memo<'_>,
        wanted: usize,
    ) -> Result<Option<Entry<T, Tie>>> {
        let Some(first) = self.heap.pop() else {
            return Ok(None);
        };
        let batch = memo.batch();
        if batch > 1 && memo.is_unread(first.id) {
            let mut ahead = vec![first.id];
            let mut next = Vec::new();
            while ahead.len() < batch
                && next.len() + 1 < wanted
                && let Some(entry) = self.heap.pop()
            {
                if memo.is_unread(entry.id) {
                    ahead.push(entry.id);
                }
                next.push(entry);
            }
            memo.open_all(&ahead)?;
            self.heap.extend(next);
        }
        Ok(Some(first))
    }
}
