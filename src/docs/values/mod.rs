//! The values that fields can have, and their types.

mod field_type;
mod timestamp;
mod value;

pub(super) use field_type::Scalar;
#[cfg(test)]
pub(super) use field_type::signed;
pub use field_type::{FieldType, MAX_KEYWORD_BYTES};
pub(crate) use field_type::{Key, Place};
pub use timestamp::Timestamp;
pub use value::FieldValue;
