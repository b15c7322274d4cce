//! Damage: finding it, and opening what is damaged.
//!
//! | file | concept |
//! |---|---|
//! | [`verify`] | where it is |
//! | [`salvage`] | the newest state that is left |
//! | [`mended`] | one flipped bit, put right for reading |

pub(in crate::store) mod mended;
pub(in crate::store) mod salvage;
pub(in crate::store) mod verify;
