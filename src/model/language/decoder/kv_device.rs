//! Caches in the memory of a device: rows and columns are moved there, by two small graphs.
//!
//! ```text
//!   select   [rows, kv_heads, width, head_dim] ─ Gather rows ─ Gather columns ─► the same kind
//!   append   two of the same width ───────────── Concat rows ──────────────────► one
//! ```
//!
//! Each graph takes the keys and values of all layers at once.

use std::fmt;
use std::sync::Arc;

use ort::editor::{Graph, Model, Node, ONNX_DOMAIN, Opset};
use ort::operator::Attribute;
use ort::session::Session;
use ort::value::{Outlet, Shape, SymbolicDimensions, Tensor, TensorElementType, ValueType};
use parking_lot::Mutex;

use super::binding::{Input, Memory, run_bound};
use super::kv_shape::KvShape;
use super::tensors::{failed, float_tensor};
use crate::Result;
use crate::model::runtime::Runtime;
use crate::model::runtime::device::CudaOptions;
use crate::model::runtime::session::{SessionSettings, session_of_model};

/// The operator set of the graphs.
const OPSET: u32 = 18;

/// Moves keys and values within the memory of a device.
pub(in crate::model::language) struct KvDevice {
    memory: Memory,
    selecting: Mutex<Session>,
    appending: Mutex<Session>,
    /// Names of outputs.
    outputs: Vec<String>,
}

impl fmt::Debug for KvDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KvDevice").field(&self.memory).finish()
    }
}

impl KvDevice {
    /// Makes the graphs for caches of a shape, on a device.
    pub(in crate::model::language) fn open(
        runtime: &Runtime,
        shape: KvShape,
        cuda: Option<CudaOptions>,
    ) -> Result<Arc<KvDevice>> {
        let settings = SessionSettings {
            threads: 1,
            cuda,
            prepack: false,
            weights_folder: None,
        };
        let session = |graph: ort::Result<Graph>| -> Result<Mutex<Session>> {
            let session = session_of_model(runtime, &settings, || {
                let mut model = Model::new([Opset::new(ONNX_DOMAIN, OPSET)?])?;
                model.set_graph(graph?)?;
                Ok(model)
            })?;
            Ok(Mutex::new(session))
        };
        Ok(Arc::new(KvDevice {
            memory: Memory::of(cuda),
            selecting: session(select_graph(shape))?,
            appending: session(append_graph(shape))?,
            outputs: (0..2 * shape.layers).map(output_name).collect(),
        }))
    }

    /// Some rows and columns of a cache, in the order given.
    pub(in crate::model::language) fn select(
        &self,
        tensors: &[Tensor<f32>],
        rows: &[usize],
        columns: &[usize],
    ) -> Result<Vec<Tensor<f32>>> {
        let list = |values: &[usize]| {
            let values: Vec<i64> = values.iter().map(|&value| value as i64).collect();
            Tensor::from_array(([values.len()], values)).map_err(failed)
        };
        let mut inputs = of_layers("from", tensors);
        inputs.push(("rows".into(), list(rows)?.into()));
        inputs.push(("columns".into(), list(columns)?.into()));
        self.run(&self.selecting, &inputs)
    }

    /// The rows of `first`, then those of `second`.
    pub(in crate::model::language) fn append(
        &self,
        first: &[Tensor<f32>],
        second: &[Tensor<f32>],
    ) -> Result<Vec<Tensor<f32>>> {
        let mut inputs = of_layers("first", first);
        inputs.extend(of_layers("second", second));
        self.run(&self.appending, &inputs)
    }

    fn run(&self, session: &Mutex<Session>, inputs: &[Input<'_>]) -> Result<Vec<Tensor<f32>>> {
        let outputs: Vec<(&str, Memory)> = self
            .outputs
            .iter()
            .map(|name| (name.as_str(), self.memory))
            .collect();
        let values = run_bound(&mut session.lock(), inputs, &outputs).map_err(failed)?;
        values.into_iter().map(float_tensor).collect()
    }
}

fn of_layers<'a>(what: &str, tensors: &'a [Tensor<f32>]) -> Vec<Input<'a>> {
    let named = |(number, tensor): (usize, &'a Tensor<f32>)| {
        (input_name(what, number).into(), tensor.into())
    };
    tensors.iter().enumerate().map(named).collect()
}

fn select_graph(shape: KvShape) -> ort::Result<Graph> {
    let numbers = 0..2 * shape.layers;
    let mut graph = Graph::new()?;
    let mut inputs = vec![list("rows"), list("columns")];
    inputs.extend(numbers.clone().map(|n| cache(input_name("from", n), shape)));
    graph.set_inputs(inputs)?;
    graph.set_outputs(numbers.clone().map(|n| cache(output_name(n), shape)))?;
    for number in numbers {
        let rows = format!("rows.{number}");
        gather(&mut graph, &input_name("from", number), "rows", &rows, 0)?;
        gather(&mut graph, &rows, "columns", &output_name(number), 2)?;
    }
    Ok(graph)
}

fn append_graph(shape: KvShape) -> ort::Result<Graph> {
    let numbers = 0..2 * shape.layers;
    let mut graph = Graph::new()?;
    let sides = ["first", "second"];
    let inputs = sides
        .iter()
        .flat_map(|side| numbers.clone().map(|n| cache(input_name(side, n), shape)));
    graph.set_inputs(inputs)?;
    graph.set_outputs(numbers.clone().map(|n| cache(output_name(n), shape)))?;
    for number in numbers {
        let output = output_name(number);
        let both = sides.map(|side| input_name(side, number));
        let axis = Attribute::new("axis", 0_i64)?;
        let node = Node::new("Concat", ONNX_DOMAIN, &output, both, [&output], [axis])?;
        graph.add_node(node)?;
    }
    Ok(graph)
}

fn gather(graph: &mut Graph, from: &str, which: &str, output: &str, axis: i64) -> ort::Result<()> {
    let axis = Attribute::new("axis", axis)?;
    let node = Node::new(
        "Gather",
        ONNX_DOMAIN,
        output,
        [from, which],
        [output],
        [axis],
    )?;
    graph.add_node(node)
}

fn input_name(what: &str, number: usize) -> String {
    format!("{what}.{number}")
}

fn output_name(number: usize) -> String {
    format!("to.{number}")
}

fn list(name: &str) -> Outlet {
    let ty = TensorElementType::Int64;
    Outlet::new(name, tensor(ty, &[-1]))
}

fn cache(name: String, shape: KvShape) -> Outlet {
    let dims = [-1, shape.kv_heads as i64, -1, shape.head_dim as i64];
    Outlet::new(name, tensor(TensorElementType::Float32, &dims))
}

fn tensor(ty: TensorElementType, dims: &[i64]) -> ValueType {
    ValueType::Tensor {
        ty,
        shape: Shape::new(dims.iter().copied()),
        dimension_symbols: SymbolicDimensions::empty(dims.len()),
    }
}
