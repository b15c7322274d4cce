//! The sizes of a decoder's cache, which its graph tells.

use ort::session::Session;
use ort::value::{TensorElementType, ValueType};

use super::tensors::unusable;
use crate::Result;

/// The parts of a decoder's cache that do not depend on the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvShape {
    /// Layers of the decoder.
    pub layers: usize,
    /// Heads of keys and values in each layer.
    pub kv_heads: usize,
    /// Values per head.
    pub head_dim: usize,
}

/// Layers, heads and values per head, as the inputs of a graph tell them.
pub(in crate::model::language) fn kv_shape(session: &Session) -> Result<KvShape> {
    let mut layers = 0;
    let mut dims = None;
    for input in session.inputs() {
        let Some(name) = input.name().strip_prefix("past_key_values.") else {
            continue;
        };
        let ValueType::Tensor { ty, shape, .. } = input.dtype() else {
            return Err(unusable("its past is no tensor"));
        };
        if *ty != TensorElementType::Float32 {
            let what = format!("its keys and values are {ty}; export it with float32 ones");
            return Err(unusable(&what));
        }
        let found = match shape.as_ref() {
            &[_, heads, _, dim] => usize::try_from(heads).ok().zip(usize::try_from(dim).ok()),
            _ => None,
        };
        let found = found.filter(|&(heads, dim)| heads > 0 && dim > 0);
        let found = found.ok_or_else(|| unusable("its past has no fixed heads and sizes"))?;
        if dims.is_some_and(|dims| dims != found) {
            return Err(unusable("its layers differ in heads or sizes"));
        }
        dims = Some(found);
        layers += usize::from(name.ends_with(".key"));
    }
    let Some((kv_heads, head_dim)) = dims.filter(|_| layers > 0) else {
        return Err(unusable("it has no inputs past_key_values.*"));
    };
    Ok(KvShape {
        layers,
        kv_heads,
        head_dim,
    })
}
