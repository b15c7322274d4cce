//! Where the weights of a decoder come from: tensors by their Hugging Face names, as 32-bit
//! floats, a few rows at a time.
//!
//! Names and shapes are those of the `transformers` library's Llama family: `[out, in]` for the
//! linear layers, `[vocabulary, hidden]` for embeddings and head. A source that stores them in
//! another way (other names, permuted rows, quantised) translates when it is read.

use std::ops::Range;

use crate::{Error, ErrorKind, Result};

/// Tensors by name.
pub trait TensorSource {
    /// The names of all tensors.
    fn names(&self) -> Vec<String>;

    /// The name that the file gives to the tensor `name`.
    fn name_in_file(&self, name: &str) -> String {
        name.to_owned()
    }

    /// The shape of a tensor, or `None` if there is none of this name.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// Reads `rows` of the first axis into `to`, row-major. A vector has rows of one element.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the tensor is missing or its bytes are not what they should be.
    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()>;
}

/// Checks that the tensor `name` exists and has the shape `want`.
pub(in crate::convert) fn check_shape(
    source: &dyn TensorSource,
    name: &str,
    want: &[usize],
) -> Result<()> {
    match source.shape(name) {
        Some(shape) if shape == want => Ok(()),
        Some(shape) => Err(Error::new(
            ErrorKind::Model,
            format!(
                "the tensor {name} has the shape {shape:?}, and the model's settings want {want:?}: \
                 settings and weights do not belong together"
            ),
        )),
        None => Err(Error::new(
            ErrorKind::Model,
            format!("the model has no tensor {name}: its download may be incomplete"),
        )),
    }
}

/// Reads all of a tensor of known shape.
pub(in crate::convert) fn read_all(
    source: &dyn TensorSource,
    name: &str,
    shape: &[usize],
) -> Result<Vec<f32>> {
    check_shape(source, name, shape)?;
    let mut values = vec![0.0; shape.iter().product()];
    let rows = shape.first().copied().unwrap_or(0);
    source.read_rows(name, 0..rows, &mut values)?;
    Ok(values)
}
