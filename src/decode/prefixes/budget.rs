//! How much a query may cost, and stopping it from elsewhere.
//!
//! A decoder asks its memo for every prefix it wants opened; the memo asks the budget. When the
//! answer is no, the decoder returns the best it has and says that it is not complete.
//!
//! Invariant: a budget only ever refuses. A query that ends without a refusal has the same
//! result as without a budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::work::Work;

/// Limits on one query; `None` is no limit.
///
/// ```
/// use std::time::Duration;
/// use zerogr::{Budget, CancelToken};
///
/// let token = CancelToken::new();
/// let budget = Budget::new().max_time(Duration::from_millis(50)).cancel(token.clone());
/// std::thread::spawn(move || token.cancel()).join().unwrap();
/// assert!(budget.cancel.unwrap().is_cancelled());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Budget {
    /// Branching prefixes that may be scored.
    pub max_evaluations: Option<u64>,
    /// Calls of the expander; each may score many prefixes.
    pub max_passes: Option<u64>,
    /// Time from the making of the memo. A call of the expander that has begun is let finish.
    pub max_time: Option<Duration>,
    /// Stops the query from another thread.
    pub cancel: Option<CancelToken>,
}

impl Budget {
    /// No limits.
    pub fn new() -> Self {
        Budget::default()
    }

    /// Sets how many branching prefixes may be scored.
    pub fn max_evaluations(mut self, prefixes: u64) -> Self {
        self.max_evaluations = Some(prefixes);
        self
    }

    /// Sets how often the expander may be called.
    pub fn max_passes(mut self, calls: u64) -> Self {
        self.max_passes = Some(calls);
        self
    }

    /// Sets how long the query may take.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.max_time = Some(time);
        self
    }

    /// Sets what stops the query from another thread.
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }
}

/// A switch that stops what holds a copy of it: queries by [`Budget::cancel`], and what a writer
/// does.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl PartialEq for CancelToken {
    /// Copies of one switch are equal.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl CancelToken {
    /// A switch that is not yet thrown.
    pub fn new() -> Self {
        CancelToken::default()
    }

    /// Stops everything that holds a copy, for good.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`CancelToken::cancel`] was called on any copy.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A budget whose clock runs.
#[derive(Debug)]
pub(in crate::decode) struct Meter {
    budget: Budget,
    deadline: Option<Instant>,
}

impl Meter {
    pub(in crate::decode) fn start(budget: Budget) -> Self {
        // A time too long for the clock is no limit.
        let deadline = budget
            .max_time
            .and_then(|time| Instant::now().checked_add(time));
        Meter { budget, deadline }
    }

    /// Whether the query may go on at all.
    pub(in crate::decode) fn is_running(&self) -> bool {
        let cancelled = self
            .budget
            .cancel
            .as_ref()
            .is_some_and(CancelToken::is_cancelled);
        !cancelled
            && self
                .deadline
                .is_none_or(|deadline| Instant::now() < deadline)
    }

    /// How many prefixes the next call of the expander may score after `work`.
    pub(in crate::decode) fn evaluations_left(&self, work: &Work) -> u64 {
        let passes = self.budget.max_passes.unwrap_or(u64::MAX);
        if work.passes >= passes {
            return 0;
        }
        let evaluations = self.budget.max_evaluations.unwrap_or(u64::MAX);
        evaluations.saturating_sub(work.node_evaluations)
    }
}
