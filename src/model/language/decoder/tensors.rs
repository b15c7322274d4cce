//! Values on their way into a decoder and out of it, and what is said when they are not its own.

use ort::session::SessionInputValue;
use ort::value::{DynValue, Tensor, TensorValueType};

use crate::{Error, ErrorKind, Result};

/// An int64 tensor of ids.
pub(in crate::model::language) fn wide<const N: usize>(
    dims: [usize; N],
    ids: &[u32],
) -> Result<SessionInputValue<'static>> {
    let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    Ok(Tensor::from_array((dims, ids)).map_err(failed)?.into())
}

/// The tensor in a value.
pub(in crate::model::language) fn float_tensor(value: DynValue) -> Result<Tensor<f32>> {
    value
        .downcast::<TensorValueType<f32>>()
        .map_err(|e| unusable(&format!("its keys and values are not float32: {e}")))
}

pub(in crate::model::language) fn unusable(what: &str) -> Error {
    let message = format!("the model is not a usable decoder: {what}");
    Error::new(ErrorKind::Model, message)
}

pub(in crate::model::language) fn failed(source: ort::Error) -> Error {
    let message = format!(
        "running the language model: {source}; check that model and tokenizer belong together"
    );
    Error::with_source(ErrorKind::Model, message, source)
}
