//! A decoder that another program exported: checked, and copied as it is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use prost::Message;

use super::checkpoint::files;
use super::checkpoint::files::sha256_of;
use super::checkpoint::texts::check_tokenizer;
use super::hugging_face::ExternalFolder;
use crate::model::language::{LanguageModelConfig, ModelKind};
use crate::model::onnx::messages::{
    DataType, DimensionValue, StringStringEntryProto, ValueInfoProto,
};
use crate::{Error, ErrorKind, Result};

/// As much of a model as is looked at; weights inside it are skipped, not copied.
#[derive(Clone, PartialEq, Message)]
struct Outline {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphOutline>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphOutline {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeOutline>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorOutline>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeOutline {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeOutline>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeOutline {
    #[prost(message, optional, tag = "5")]
    t: Option<TensorOutline>,
    #[prost(message, optional, tag = "6")]
    g: Option<GraphOutline>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorOutline>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphOutline>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorOutline {
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringStringEntryProto>,
}

/// Copies the graph, the files its weights are in and the tokenizer from `from` to `to`.
pub(super) fn copy(folder: &ExternalFolder, from: &Path, to: &Path) -> Result<LanguageModelConfig> {
    let path = from.join(&folder.graph);
    let mut bytes = Vec::new();
    files::open(&path)?
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("reading", &path, e))?;
    let wrong = |what: &str| {
        let message = format!("{} is not a usable decoder: {what}", path.display());
        Error::new(ErrorKind::Model, message)
    };
    let outline = Outline::decode(bytes.as_slice()).map_err(|e| wrong(&e.to_string()))?;
    drop(bytes);
    let graph = outline.graph.ok_or_else(|| wrong("it holds no graph"))?;
    let shape = Shape::of(&graph).map_err(|what| wrong(&what))?;
    let vocab = shape
        .vocab
        .or(folder.vocab)
        .ok_or_else(|| wrong("its vocabulary is unknown"))?;
    check_tokenizer(&folder.tokenizer, vocab)?;

    let beside = folder.graph.parent().unwrap_or(Path::new(""));
    let mut files = BTreeSet::from([folder.graph.clone()]);
    for name in locations(&graph) {
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(wrong(&format!(
                "its weights lie outside its folder, at {name:?}"
            )));
        }
        files.insert(beside.join(name));
    }
    let files: Vec<PathBuf> = files.into_iter().collect();
    for file in &files {
        let (source, target) = (from.join(file), to.join(file));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::io("creating", parent, e))?;
        }
        let mut from = files::open(&source)?;
        let mut to = fs::File::create(&target).map_err(|e| Error::io("creating", &target, e))?;
        io::copy(&mut from, &mut to).map_err(|e| Error::io("copying", &source, e))?;
    }
    let tokenizer = to.join("tokenizer.json");
    fs::write(&tokenizer, &folder.tokenizer).map_err(|e| Error::io("writing", &tokenizer, e))?;

    let sources: Vec<PathBuf> = files.iter().map(|file| from.join(file)).collect();
    let weights_sha256 = sha256_of(&sources)?;
    let record = LanguageModelConfig {
        format: LanguageModelConfig::FORMAT,
        kind: ModelKind::ExternalGraph,
        name: String::new(),
        architecture: folder.architecture.clone(),
        graph: folder.graph.to_string_lossy().replace('\\', "/"),
        cuda_graph: None,
        hidden: folder.hidden.unwrap_or(shape.kv_heads * shape.head_dim),
        layers: shape.layers,
        heads: folder.heads.unwrap_or(shape.kv_heads),
        kv_heads: shape.kv_heads,
        head_dim: shape.head_dim,
        vocab,
        max_positions: folder.max_positions.unwrap_or(DEFAULT_POSITIONS),
        weights: None,
        bos_token_id: None,
        eos_token_ids: Vec::new(),
        chat_template: None,
        chat_template_problem: None,
        source_sha256: weights_sha256.clone(),
        weights_sha256,
    };
    let record = folder
        .texts
        .clone()
        .into_record(&folder.tokenizer, record)?;
    record.write(to)?;
    Ok(record)
}

/// The files that tensors of a graph are in, those in the attributes of nodes and in the branches of
/// conditions and loops among them.
fn locations(graph: &GraphOutline) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut graphs = vec![graph];
    while let Some(graph) = graphs.pop() {
        let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
        graphs.extend(attributes().flat_map(|one| one.g.iter().chain(&one.graphs)));
        let constants = attributes().flat_map(|one| one.t.iter().chain(&one.tensors));
        let entries = graph.initializer.iter().chain(constants);
        let entries = entries.flat_map(|tensor| &tensor.external_data);
        let locations = entries.filter(|entry| entry.key.as_deref() == Some("location"));
        names.extend(locations.filter_map(|entry| entry.value.as_deref()));
    }
    names
}

/// The limit where `config.json` names none.
const DEFAULT_POSITIONS: usize = 2048;

/// What the inputs and outputs of a graph say.
struct Shape {
    layers: usize,
    kv_heads: usize,
    head_dim: usize,
    vocab: Option<usize>,
}

impl Shape {
    fn of(graph: &GraphOutline) -> std::result::Result<Shape, String> {
        let named = |list: &[ValueInfoProto], name: &str| {
            let found = list
                .iter()
                .find(|value| value.name.as_deref() == Some(name));
            found.cloned()
        };
        for name in ["input_ids", "attention_mask", FIRST_PAST] {
            if named(&graph.input, name).is_none() {
                return Err(format!(
                    "it has no input {name}: export the model with its past key values"
                ));
            }
        }
        let logits = named(&graph.output, "logits");
        let logits = logits.ok_or("it has no output logits: export a causal language model")?;
        let past = named(&graph.input, FIRST_PAST).unwrap_or_default();
        if element_type(&past) != Some(DataType::Float.into()) {
            return Err("its past key values are not 32-bit floats".into());
        }
        let axes = axes(&past);
        let &[_, Some(kv_heads), _, Some(head_dim)] = axes.as_slice() else {
            return Err("its past key values have no fixed heads and widths".into());
        };
        let layer = |layer: &usize| {
            let name = format!("past_key_values.{layer}.key");
            named(&graph.input, &name).is_some()
        };
        Ok(Shape {
            layers: (0..).take_while(layer).count(),
            kv_heads,
            head_dim,
            vocab: self::axes(&logits).last().copied().flatten(),
        })
    }
}

/// The past of the first layer.
const FIRST_PAST: &str = "past_key_values.0.key";

fn element_type(value: &ValueInfoProto) -> Option<i32> {
    value.r#type.as_ref()?.tensor_type.as_ref()?.elem_type
}

/// The lengths of the axes that are fixed.
fn axes(value: &ValueInfoProto) -> Vec<Option<usize>> {
    let tensor = value.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let dims = shape.map(|shape| shape.dim.as_slice()).unwrap_or_default();
    let len = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::DimValue(len)) => usize::try_from(*len).ok(),
        _ => None,
    };
    dims.iter().map(|dim| len(&dim.value)).collect()
}
