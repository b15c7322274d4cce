//! The matrices of an adapter, as inputs of a graph.

use ort::value::Tensor;

use super::adapter::{Adapter, LowRank};
use super::layer::{AdaptableLayer, input_names};
use crate::{Error, ErrorKind, Result};

/// The matrices of an adapter by the names of their inputs.
#[derive(Debug)]
pub(in crate::model::language) struct AdapterInputs(Vec<(String, Tensor<f32>)>);

impl AdapterInputs {
    /// Those of `adapter` for a graph that can change `layers`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when a layer is not among them, or has another shape.
    pub(in crate::model::language) fn new(
        adapter: &Adapter,
        layers: &[AdaptableLayer],
    ) -> Result<AdapterInputs> {
        let rank = adapter.rank();
        let mut inputs = Vec::with_capacity(2 * adapter.changes().len());
        for change in adapter.changes() {
            let fits = |layer: &AdaptableLayer| {
                (layer.layer, layer.module) == change.place()
                    && (layer.inputs, layer.outputs) == (change.inputs, change.outputs)
            };
            if !layers.iter().any(fits) {
                return Err(misfit(change));
            }
            let tensor = |shape: [usize; 2], values: &[f32]| {
                // In memory of their own: `ort` takes no borrowed values here.
                let tensor = Tensor::from_array((shape, values.to_vec()));
                tensor.map_err(|source| {
                    let message = format!("{change} of the adapter: {source}");
                    Error::with_source(ErrorKind::Model, message, source)
                })
            };
            let [a, b] = input_names(change.layer, change.module);
            inputs.push((a, tensor([change.inputs, rank], &change.a)?));
            inputs.push((b, tensor([rank, change.outputs], &change.b)?));
        }
        Ok(AdapterInputs(inputs))
    }

    /// Names and tensors.
    pub(in crate::model::language) fn iter(&self) -> impl Iterator<Item = (&str, &Tensor<f32>)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

fn misfit(change: &LowRank) -> Error {
    let message = format!(
        "the adapter changes {change} of {} inputs and {} outputs, which the model has not",
        change.inputs, change.outputs
    );
    Error::new(ErrorKind::Model, message)
}
