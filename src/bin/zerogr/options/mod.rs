//! What several commands are told: how to open an index, search, read documents, and on which
//! device.

pub mod decoding;
pub mod device;
pub mod encoder;
pub mod language;
pub mod mode;
pub mod open;
pub mod reading;
