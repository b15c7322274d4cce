//! What several commands are told: how to open an index, search, filter, read documents, and on which
//! device.

pub mod decoding;
pub mod device;
pub mod encoder;
pub mod filter;
pub mod language;
pub mod mode;
pub mod open;
pub mod reading;
