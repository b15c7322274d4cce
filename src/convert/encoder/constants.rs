//! Tensors inside a graph.

use std::collections::HashSet;

use half::f16;
use half::slice::HalfFloatSliceExt;
use zerocopy::{Immutable, IntoBytes};

use crate::model::onnx::messages::{DataType, TensorProto};
use crate::{Error, ErrorKind, Result};

/// The longest message of a graph.
const MOST_BYTES: usize = (1 << 31) - 1;

/// Tensors, each of another name.
#[derive(Default)]
pub(super) struct Constants {
    tensors: Vec<TensorProto>,
    names: HashSet<String>,
    len_bytes: usize,
}

impl Constants {
    /// True if there is one of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Adds 32-bit floats.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the graph becomes too large, as for the others.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Result<()> {
        self.add(name, DataType::Float, shape, values)
    }

    /// Adds 16-bit floats.
    ///
    /// # Errors
    ///
    /// Also for a value beyond what they can express.
    pub fn halves(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Result<()> {
        let mut halves = vec![f16::ZERO; values.len()];
        halves.convert_from_f32_slice(values);
        if halves.iter().any(|half| !half.is_finite()) {
            let message = format!(
                "{name} has a weight too large for 16-bit floats: choose f32 weights for this model"
            );
            return Err(Error::new(ErrorKind::Model, message));
        }
        self.add(name, DataType::Float16, shape, halves.as_slice())
    }

    /// Adds signed bytes.
    pub fn bytes(&mut self, name: &str, shape: &[usize], values: &[i8]) -> Result<()> {
        self.add(name, DataType::Int8, shape, values)
    }

    /// Adds 64-bit integers.
    pub fn integers(&mut self, name: &str, shape: &[usize], values: &[i64]) -> Result<()> {
        self.add(name, DataType::Int64, shape, values)
    }

    /// The tensors.
    pub fn finish(self) -> Vec<TensorProto> {
        self.tensors
    }

    fn add<T: IntoBytes + Immutable>(
        &mut self,
        name: &str,
        data_type: DataType,
        shape: &[usize],
        values: &[T],
    ) -> Result<()> {
        if !self.names.insert(name.to_owned()) {
            return Ok(());
        }
        let bytes = values.as_bytes();
        self.len_bytes = self.len_bytes.saturating_add(bytes.len());
        if self.len_bytes > MOST_BYTES {
            let message = format!(
                "the graph would be larger than {MOST_BYTES} bytes: choose f16 or int8 weights"
            );
            return Err(Error::new(ErrorKind::Model, message));
        }
        self.tensors.push(TensorProto {
            dims: shape.iter().map(|&n| n as i64).collect(),
            data_type: Some(data_type.into()),
            name: Some(name.into()),
            raw_data: Some(bytes.to_vec()),
            external_data: Vec::new(),
            data_location: None,
        });
        Ok(())
    }
}
