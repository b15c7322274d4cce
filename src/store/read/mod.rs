//! Reading one committed state.
//!
//! | file | concept |
//! |---|---|
//! | [`select`] | which state: the better of two slots |
//! | [`snapshot`] | a state with the file it lies in |
//! | [`extent`], [`section`] | an extent of it; a section, verified |
//! | [`buffer`], [`map`] | where bytes are kept: in memory, or in a map |

pub(in crate::store) mod buffer;
pub(in crate::store) mod extent;
pub(in crate::store) mod map;
pub(in crate::store) mod section;
pub(in crate::store) mod select;
pub(in crate::store) mod snapshot;
