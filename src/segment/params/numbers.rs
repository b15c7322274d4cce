//! Numbers that a caller or a file gives.

use std::ops::RangeInclusive;

use crate::{Error, Result};

/// Refuses a number outside of `range`, and what is no number.
///
/// # Errors
///
/// `InvalidInput`, with the name of the number.
pub(crate) fn check_number(name: &str, value: f64, range: RangeInclusive<f64>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{name} is {value}: give a number from {} to {}",
        range.start(),
        range.end()
    )))
}
