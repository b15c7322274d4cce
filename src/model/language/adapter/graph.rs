//! A decoder graph whose linear layers take adapters as inputs.
//!
//! ```text
//!   before   x ── product with W ──────────────────────────► y ── bias, if any ─►
//!
//!   after    x ─┬ product with W ── y.plain ──────────────┐
//!               └ MatMul A ── y.low ── MatMul B ── y.change ┴ Add ─► y ── bias, if any ─►
//! ```
//!
//! A and B of each layer are inputs of the graph with defaults of rank 0, with which the sum is
//! `y.plain`. The layers are known by the names of their weights, and all ways to multiply by one
//! are those of `convert::graph::weights`.
//!
//! I1. Nothing of the graph is lost: one that holds more than is understood here is refused.
//! I2. Every linear layer is found, or the graph is refused.

use std::collections::{BTreeMap, HashMap};

use prost::Message;

use super::adapter::LinearModule;
use super::layer::{AdaptableLayer, input_names};
use crate::model::onnx::messages::{DataType, ModelProto, NodeProto, TensorProto};
use crate::model::onnx::nodes::{Nodes, axis, fixed, value};
use crate::{Error, ErrorKind, Result};

/// A graph with inputs for adapters.
pub(in crate::model::language) struct AdaptableGraph {
    /// Its bytes.
    pub(in crate::model::language) bytes: Vec<u8>,
    /// The layers that it has inputs for.
    pub(in crate::model::language) layers: Vec<AdaptableLayer>,
}

type Place = (usize, LinearModule);

impl AdaptableGraph {
    /// Gives a decoder graph inputs for adapters.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when it is not as `zerogr model import` writes it.
    pub(in crate::model::language) fn of(graph: &[u8]) -> Result<AdaptableGraph> {
        let mut model = ModelProto::decode(graph).map_err(|e| unknown(&e.to_string()))?;
        if model.encode_to_vec() != graph {
            return Err(unknown("it holds more than is understood"));
        }
        let graph = model.graph.as_mut().ok_or_else(|| unknown("it is empty"))?;
        let mut rewriting = Rewriting::of(&graph.initializer);
        for node in std::mem::take(&mut graph.node) {
            rewriting.add(node)?;
        }
        let missing = rewriting
            .linear
            .keys()
            .find(|place| !rewriting.layers.contains_key(place));
        if let Some((layer, module)) = missing {
            let what = format!("it multiplies by layers.{layer}.{module} in an unknown way");
            return Err(unknown(&what));
        }
        graph.node = rewriting.nodes.finish();
        let layers: Vec<AdaptableLayer> = rewriting.layers.into_values().collect();
        for layer in &layers {
            let [a, b] = input_names(layer.layer, layer.module);
            let rank = || axis(&format!("{a}.rank"));
            let shapes = [
                (&a, [fixed(layer.inputs), rank()], [layer.inputs, 0]),
                (&b, [rank(), fixed(layer.outputs)], [0, layer.outputs]),
            ];
            for (name, shape, default) in shapes {
                graph.input.push(value(name, DataType::Float, &shape));
                graph.initializer.push(TensorProto {
                    dims: default.iter().map(|&dim| dim as i64).collect(),
                    data_type: Some(DataType::Float.into()),
                    name: Some(name.clone()),
                    raw_data: Some(Vec::new()),
                    ..TensorProto::default()
                });
            }
        }
        Ok(AdaptableGraph {
            bytes: model.encode_to_vec(),
            layers,
        })
    }
}

/// The nodes so far, and what is known of their values.
struct Rewriting {
    nodes: Nodes,
    /// Shapes of the weights of linear layers.
    linear: BTreeMap<Place, Vec<i64>>,
    /// By name, the weights of linear layers and what is made of them alone.
    weights: HashMap<String, Place>,
    /// Values of 16 bits, and what they were before.
    halved: HashMap<String, String>,
    /// Products of 16 bits, which are still to become y, with their x.
    half_products: HashMap<String, (AdaptableLayer, String)>,
    layers: BTreeMap<Place, AdaptableLayer>,
}

impl Rewriting {
    fn of(initializers: &[TensorProto]) -> Rewriting {
        let mut rewriting = Rewriting {
            nodes: Nodes::default(),
            linear: BTreeMap::new(),
            weights: HashMap::new(),
            halved: HashMap::new(),
            half_products: HashMap::new(),
            layers: BTreeMap::new(),
        };
        for tensor in initializers {
            if let Some(place) = place_of(tensor.name()) {
                rewriting.linear.insert(place, tensor.dims.clone());
                rewriting.weights.insert(tensor.name().to_owned(), place);
            }
        }
        rewriting
    }

    /// Adds a node; behind one that gives the y of a linear layer, what is added to it.
    fn add(&mut self, node: NodeProto) -> Result<()> {
        let operand = |at: usize| node.input.get(at).map(String::as_str).unwrap_or_default();
        let (first, second) = (operand(0), operand(1));
        let output = node.output.first().cloned().unwrap_or_default();
        match (node.op_type(), self.weights.get(first)) {
            ("Cast" | "Mul", Some(&place)) => {
                self.weights.insert(output, place);
            }
            ("Cast", None) => {
                if let Some((layer, input)) = self.half_products.remove(first) {
                    return self.changed(node, layer, &input);
                }
                let halves = Some(i64::from(DataType::Float16 as i32));
                if node.attribute.iter().any(|one| one.i == halves) {
                    self.halved.insert(output, first.to_owned());
                }
            }
            ("MatMul" | "DynamicQuantizeMatMul" | "MatMulNBits", None) => {
                if let Some(&place) = self.weights.get(second) {
                    let layer = self.layer(&node, place)?;
                    let Some(input) = self.halved.get(first).cloned() else {
                        let input = first.to_owned();
                        return self.changed(node, layer, &input);
                    };
                    self.half_products.insert(output, (layer, input));
                }
            }
            _ => {}
        }
        self.nodes.push(node);
        Ok(())
    }

    fn layer(&self, node: &NodeProto, place: Place) -> Result<AdaptableLayer> {
        let attribute = |name: &str| {
            let mut attributes = node.attribute.iter();
            attributes.find(|one| one.name() == name)?.i
        };
        let shape = match attribute("K").zip(attribute("N")) {
            Some((inputs, outputs)) => Some([inputs, outputs]),
            None => self
                .linear
                .get(&place)
                .and_then(|dims| dims.as_slice().try_into().ok()),
        };
        let (layer, module) = place;
        let [inputs, outputs] = shape
            .and_then(|shape: [i64; 2]| {
                let [inputs, outputs] = shape.map(usize::try_from);
                inputs.ok().zip(outputs.ok()).map(<[usize; 2]>::from)
            })
            .filter(|shape| !shape.contains(&0))
            .ok_or_else(|| unknown(&format!("layers.{layer}.{module} is no matrix")))?;
        Ok(AdaptableLayer {
            layer,
            module,
            inputs,
            outputs,
        })
    }

    /// Adds the node that gives y, and what is added to it.
    fn changed(&mut self, mut node: NodeProto, layer: AdaptableLayer, input: &str) -> Result<()> {
        let place = (layer.layer, layer.module);
        if self.layers.insert(place, layer).is_some() {
            let (layer, module) = place;
            let what = format!("it multiplies by layers.{layer}.{module} twice");
            return Err(unknown(&what));
        }
        let Some(output) = node.output.first_mut() else {
            return Err(unknown("it has a node without a name for what it gives"));
        };
        let plain = format!("{output}.plain");
        let output = std::mem::replace(output, plain.clone());
        node.name = Some(plain.clone());
        self.nodes.push(node);
        let [a, b] = input_names(layer.layer, layer.module);
        let nodes = &mut self.nodes;
        let low = nodes.onnx("MatMul", &[input, &a], &format!("{output}.low"), vec![]);
        let change = nodes.onnx("MatMul", &[&low, &b], &format!("{output}.change"), vec![]);
        nodes.onnx("Add", &[&plain, &change], &output, vec![]);
        Ok(())
    }
}

/// The linear layer of which a tensor is the weight.
fn place_of(name: &str) -> Option<Place> {
    let rest = name.strip_prefix("model.layers.")?;
    let (layer, rest) = rest.split_once('.')?;
    let module = LinearModule::from_name(rest.strip_suffix(".weight")?)?;
    Some((layer.parse().ok()?, module))
}

fn unknown(what: &str) -> Error {
    let message = format!(
        "the model's graph cannot take an adapter: {what}; import the model again with `zerogr \
         model import`"
    );
    Error::new(ErrorKind::Model, message)
}
