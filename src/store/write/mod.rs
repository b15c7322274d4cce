//! Writing: commits, and files that take the place of others.
//!
//! | file | concept |
//! |---|---|
//! | [`write_lock`] | the right to write |
//! | [`transaction`] | extents, then one commit |
//! | [`blob`] | whole files inside the index |
//! | [`create`] | a new index |
//! | [`open_or_create`] | one that may be there already |
//! | [`copy`] | copies of a live one, whole or compact |
//! | [`vacuum`] | a compact copy that takes its place |

pub(in crate::store) mod blob;
pub(in crate::store) mod copy;
pub(in crate::store) mod create;
pub(in crate::store) mod open_or_create;
pub(in crate::store) mod transaction;
pub(in crate::store) mod vacuum;
pub(in crate::store) mod write_lock;
