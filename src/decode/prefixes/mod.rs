//! The prefixes that one query has reached.
//!
//! | file | concept |
//! |---|---|
//! | [`memo`] | every prefix evaluated at most once |
//! | [`work`] | what that cost |
//! | [`budget`] | what it may cost, and stopping it from elsewhere |
//! | [`path`] | why a docid is as probable as it is |

mod budget;
pub(super) mod memo;
mod path;
mod work;

pub use budget::{Budget, CancelToken};
pub use memo::Memo;
pub use path::PathStep;
pub use work::Work;
