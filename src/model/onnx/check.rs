//! What a graph may be.
//!
//! The numbers of fields are those of the public `onnx.proto`.

use std::collections::HashMap;

use super::operators::{is_allowed, size_input};
use super::wire::{Field, Value, fields};

/// Nodes and constants of a graph, its subgraphs included.
const MAX_PARTS: usize = 200_000;

/// How deep branches may lie in one another.
const MAX_BRANCH_DEPTH: usize = 4;

/// Values of a tensor whose size a graph gives as a constant: 256 MiB of 32-bit floats.
const MAX_CONSTANT_VALUES: u64 = 1 << 26;

/// Values of a constant that are looked at as a shape: tensors have fewer axes.
const MAX_SHAPE_VALUES: usize = 64;

/// Where the weights of a graph are.
#[derive(Clone, Copy)]
pub(crate) enum Weights<'a> {
    /// In the graph.
    Inside,
    /// In it, or in files beside it, of these names and lengths in bytes.
    Beside(&'a dyn Fn(&str) -> Option<u64>),
}

/// Checks a serialised model, or several parts of one behind each other.
///
/// # Errors
///
/// What is not allowed in it, in words that follow "it".
pub(crate) fn check(model: &[u8], weights: Weights<'_>) -> Result<(), String> {
    // ONNX Runtime recognises a format of its own by these bytes, which is not looked into here.
    if model.get(4..8) == Some(b"ORTM") {
        return Err("it is in ONNX Runtime's own format; use the ONNX file".to_owned());
    }
    let mut checker = Checker {
        weights,
        parts: 0,
        constants: HashMap::new(),
    };
    let mut graphs = Vec::new();
    for field in fields(model) {
        let field = field?;
        match field.number {
            7 => graphs.push(field.bytes()?),
            20 => return Err("it holds a training graph; export it for inference".to_owned()),
            25 => {
                return Err(
                    "it defines functions of its own; export it with them inlined".to_owned(),
                );
            }
            // Versions, producer, names of operator sets, notes.
            _ => {}
        }
    }
    match graphs.is_empty() {
        true => Err("it holds no graph".to_owned()),
        // Parts of one graph: constants of one may be used by nodes of another.
        false => checker.graph(&graphs, 0),
    }
}

struct Checker<'w> {
    weights: Weights<'w>,
    parts: usize,
    /// By name, what a constant says of sizes.
    constants: HashMap<Vec<u8>, Constant>,
}

/// What a constant says of the size of a tensor.
#[derive(Debug, Clone, Copy)]
struct Constant {
    /// The product of its values as a shape: negative ones stand for "as it is".
    product: u64,
    /// Its value, if it has one alone.
    alone: Option<f64>,
}

/// A node whose operator is allowed.
#[derive(Default)]
struct Node<'n> {
    operator: &'n str,
    inputs: Vec<&'n [u8]>,
}

/// What is known of a tensor.
#[derive(Default)]
struct Tensor<'a> {
    name: &'a [u8],
    constant: Option<Constant>,
}

impl Checker<'_> {
    fn count(&mut self) -> Result<(), String> {
        self.parts += 1;
        match self.parts > MAX_PARTS {
            true => Err(format!("it has more than {MAX_PARTS} nodes and constants")),
            false => Ok(()),
        }
    }

    /// Checks a graph that is given in parts.
    fn graph(&mut self, parts: &[&[u8]], depth: usize) -> Result<(), String> {
        if depth > MAX_BRANCH_DEPTH {
            return Err("its branches are nested too deep".to_owned());
        }
        // Constants first: in the bytes they may stand behind the nodes that use them.
        for part in parts {
            for field in fields(part) {
                let field = field?;
                match field.number {
                    5 => {
                        self.count()?;
                        let tensor = self.tensor(field.bytes()?, true)?;
                        if let Some(constant) = tensor.constant {
                            self.remember(tensor.name, constant);
                        }
                    }
                    15 => return Err("it has sparse constants, which are not supported".to_owned()),
                    _ => {}
                }
            }
        }
        let mut nodes = Vec::new();
        for part in parts {
            for field in fields(part) {
                let field = field?;
                if field.number == 1 {
                    self.count()?;
                    nodes.push(self.node(field.bytes()?, depth)?);
                }
            }
        }
        nodes.iter().try_for_each(|node| self.size(node))
    }

    /// Keeps a constant; of two of one name, in different branches, the larger.
    fn remember(&mut self, name: &[u8], constant: Constant) {
        let known = self.constants.entry(name.to_vec()).or_insert(constant);
        let larger = |a: f64, b: f64| if b.abs() > a.abs() { b } else { a };
        known.product = known.product.max(constant.product);
        known.alone = match (known.alone, constant.alone) {
            (Some(a), Some(b)) => Some(larger(a, b)),
            (a, b) => a.or(b),
        };
    }

    fn node<'n>(&mut self, node: &'n [u8], depth: usize) -> Result<Node<'n>, String> {
        let mut domain = "";
        let mut found = Node::default();
        let (mut outputs, mut attributes) = (Vec::new(), Vec::new());
        for field in fields(node) {
            let field = field?;
            match field.number {
                1 => found.inputs.push(field.bytes()?),
                2 => outputs.push(field.bytes()?),
                4 => found.operator = field.text()?,
                5 => attributes.push(field.bytes()?),
                7 => domain = field.text()?,
                8 => return Err("it uses overloads of functions".to_owned()),
                _ => {}
            }
        }
        let operator = found.operator;
        if !is_allowed(domain, operator) {
            let of = if domain.is_empty() { "ONNX" } else { domain };
            return Err(format!(
                "it uses the operator {operator:?} of {of:?}, which encoders and decoders have no \
                 need of"
            ));
        }
        let mut constant = None;
        for attribute in attributes {
            constant = constant.or(self.attribute(attribute, depth)?);
        }
        if let (Some(constant), "Constant", [output, ..]) = (constant, operator, &*outputs) {
            self.remember(output, constant);
        }
        Ok(found)
    }

    /// Checks how much a node makes of constants.
    fn size(&self, node: &Node<'_>) -> Result<(), String> {
        let operator = node.operator;
        let constant = |at: usize| self.constants.get(*node.inputs.get(at)?);
        let values = match operator {
            "Range" => {
                let alone = |at, otherwise| {
                    let constant = constant(at).and_then(|constant| constant.alone);
                    constant.unwrap_or(otherwise)
                };
                (alone(0, 0.0).abs() + alone(1, 0.0).abs()) / alone(2, 1.0).abs()
            }
            _ => {
                let constant = size_input(operator).and_then(constant);
                constant.map_or(0, |constant| constant.product) as f64
            }
        };
        // Not a number is no size either.
        match values <= MAX_CONSTANT_VALUES as f64 {
            true => Ok(()),
            false => Err(format!(
                "its operator {operator:?} makes a tensor of {values} values"
            )),
        }
    }

    /// What an attribute says of a size.
    fn attribute(&mut self, attribute: &[u8], depth: usize) -> Result<Option<Constant>, String> {
        let (mut tensors, mut graphs) = (0, 0);
        let mut constant: Option<Constant> = None;
        for field in fields(attribute) {
            let field = field?;
            match field.number {
                5 => {
                    tensors += 1;
                    self.count()?;
                    constant = self.tensor(field.bytes()?, false)?.constant;
                }
                6 => {
                    graphs += 1;
                    self.graph(&[field.bytes()?], depth + 1)?;
                }
                2 => {
                    if let Value::Fixed32(bytes) = field.value {
                        constant = Some(Constant::of(&[f64::from(f32::from_le_bytes(bytes))]));
                    }
                }
                3 => constant = Some(Constant::of(&[field.number()? as i64 as f64])),
                8 => {
                    let mut product = constant.map_or(1, |constant| constant.product);
                    field.for_each_number(|number| {
                        product = product.saturating_mul(size_of(number as i64));
                    })?;
                    constant = Some(Constant {
                        product,
                        alone: None,
                    });
                }
                10 | 11 | 22 | 23 => {
                    return Err("it has attributes of lists of tensors or graphs".to_owned());
                }
                _ => {}
            }
        }
        // Two of them would be merged into something that was not looked at.
        match tensors > 1 || graphs > 1 {
            true => Err("an attribute of it is given twice".to_owned()),
            false => Ok(constant),
        }
    }

    /// Checks that a tensor has the values its shape asks for; `is_initializer` ones may be in
    /// another file.
    fn tensor<'a>(&self, tensor: &'a [u8], is_initializer: bool) -> Result<Tensor<'a>, String> {
        let mut found = Tensor::default();
        let mut values = Some(1_u64);
        let (mut data_type, mut location) = (0, 0);
        let mut external = Vec::new();
        let mut raw: Option<&[u8]> = None;
        let mut typed = 0_u64;
        let mut listed = Vec::new();
        for field in fields(tensor) {
            let field = field?;
            match field.number {
                1 => field.for_each_number(|dim| {
                    let dim = Some(dim).filter(|&dim| dim <= i64::MAX as u64);
                    values = values.and_then(|values| values.checked_mul(dim?));
                })?,
                2 => data_type = field.number()?,
                3 => return Err("it has tensors in segments".to_owned()),
                4 => typed = typed.saturating_add(fixed_count(&field, 4)?),
                10 => typed = typed.saturating_add(fixed_count(&field, 8)?),
                5 | 7 | 11 => field.for_each_number(|number| {
                    typed = typed.saturating_add(1);
                    if listed.len() < MAX_SHAPE_VALUES {
                        listed.push(number as i64 as f64);
                    }
                })?,
                6 => return Err("it has tensors of strings".to_owned()),
                8 => found.name = field.bytes()?,
                9 if raw.is_some() => return Err("a tensor of it has its values twice".to_owned()),
                9 => raw = Some(field.bytes()?),
                13 => external.push(field.bytes()?),
                14 => location = field.number()?,
                _ => {}
            }
        }
        let name = String::from_utf8_lossy(found.name).into_owned();
        let wrong = |what: &str| Err(format!("its tensor {name:?} {what}"));
        let Some(values) = values.filter(|&values| values <= i64::MAX as u64) else {
            return wrong("has an impossible shape");
        };
        let Some(bits) = bits_of(data_type) else {
            return wrong("has an unknown type");
        };
        let Some(len_bytes) = values.checked_mul(bits).map(|bits| bits.div_ceil(8)) else {
            return wrong("has an impossible shape");
        };
        if location != 0 || !external.is_empty() {
            if !is_initializer || raw.is_some() || typed > 0 {
                return wrong("has its values in two places");
            }
            self.external(&external, len_bytes)
                .map_err(|what| format!("its tensor {name:?} {what}"))?;
            return Ok(found);
        }
        let is_right = match raw {
            Some(raw) => typed == 0 && raw.len() as u64 == len_bytes,
            // Values of 4 bits may come one or two to a number.
            None if bits < 8 => typed >= values.div_ceil(2) && typed <= values,
            None => typed == values,
        };
        if !is_right {
            return wrong("has not the values that its shape asks for");
        }
        // Longer ones are no shapes.
        if values <= MAX_SHAPE_VALUES as u64 {
            let numbers = raw.map_or(listed, |raw| numbers_of(raw, data_type));
            found.constant = Some(Constant::of(&numbers));
        }
        Ok(found)
    }

    /// Checks where the values of a tensor are, if they are in another file.
    fn external(&self, entries: &[&[u8]], len_bytes: u64) -> Result<(), String> {
        let place = Place::of(entries)?;
        let Weights::Beside(file_len_bytes) = self.weights else {
            return Err(format!(
                "has its values in another file ({:?})",
                place.location
            ));
        };
        let Some(file_len_bytes) = file_len_bytes(place.location) else {
            return Err(format!(
                "has its values in {:?}, which is not a file of the model",
                place.location
            ));
        };
        let range = place.range(file_len_bytes)?;
        match range.end - range.start == len_bytes {
            true => Ok(()),
            false => Err("has not the values that its shape asks for".to_owned()),
        }
    }
}

/// Where the values of a tensor are in another file.
pub(super) struct Place<'a> {
    pub(super) location: &'a str,
    off_bytes: u64,
    len_bytes: Option<u64>,
}

impl<'a> Place<'a> {
    /// Reads the pairs of keys and values that say it.
    pub(super) fn of(entries: &[&'a [u8]]) -> Result<Self, String> {
        let mut place = Place {
            location: "",
            off_bytes: 0,
            len_bytes: None,
        };
        for entry in entries {
            let (mut key, mut value) = ("", "");
            for field in fields(entry) {
                let field = field?;
                match field.number {
                    1 => key = field.text()?,
                    2 => value = field.text()?,
                    _ => {}
                }
            }
            let number = || {
                value
                    .parse()
                    .map_err(|_| format!("has the {key} {value:?}"))
            };
            match key {
                "location" => place.location = value,
                "offset" => place.off_bytes = number()?,
                "length" => place.len_bytes = Some(number()?),
                "checksum" => {}
                _ => return Err(format!("has the unknown setting {key:?}")),
            }
        }
        Ok(place)
    }

    /// The bytes of a file of some length that are meant.
    pub(super) fn range(&self, file_len_bytes: u64) -> Result<std::ops::Range<u64>, String> {
        let rest = file_len_bytes.checked_sub(self.off_bytes);
        let len_bytes = self.len_bytes.or(rest);
        len_bytes
            .filter(|len_bytes| rest.is_some_and(|rest| *len_bytes <= rest))
            .map(|len_bytes| self.off_bytes..self.off_bytes.saturating_add(len_bytes))
            .ok_or_else(|| format!("ends outside the file {:?}", self.location))
    }
}

const FLOAT: u64 = 1;
const INT32: u64 = 6;
const INT64: u64 = 7;
const DOUBLE: u64 = 11;

/// Bits of a value of a type of `TensorProto.DataType`.
fn bits_of(data_type: u64) -> Option<u64> {
    match data_type {
        1 | 6 | 12 => Some(32),
        2 | 3 | 9 | 17..=20 => Some(8),
        4 | 5 | 10 | 16 => Some(16),
        7 | 11 | 13 | 14 => Some(64),
        15 => Some(128),
        21..=23 => Some(4),
        _ => None,
    }
}

/// How many numbers of a fixed width a field holds.
fn fixed_count(field: &Field<'_>, width: usize) -> Result<u64, String> {
    match field.value {
        Value::Bytes(packed) if packed.len() % width == 0 => Ok((packed.len() / width) as u64),
        Value::Fixed32(_) if width == 4 => Ok(1),
        Value::Fixed64 if width == 8 => Ok(1),
        _ => Err("it has a number of another width than its type".to_owned()),
    }
}

impl Constant {
    fn of(values: &[f64]) -> Self {
        let product = values.iter().fold(1, |product: u64, &value| {
            product.saturating_mul(size_of(value as i64))
        });
        Constant {
            product,
            alone: match values {
                [value] => Some(*value),
                _ => None,
            },
        }
    }
}

/// What a number says of a size: negative ones stand for "as it is".
fn size_of(number: i64) -> u64 {
    number.max(1).unsigned_abs()
}

/// The numbers of a tensor of a type that can say a size.
fn numbers_of(raw: &[u8], data_type: u64) -> Vec<f64> {
    let number = |bytes: &[u8]| match (data_type, bytes) {
        (FLOAT, &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d])),
        (INT32, &[a, b, c, d]) => f64::from(i32::from_le_bytes([a, b, c, d])),
        (INT64, &[a, b, c, d, e, f, g, h]) => i64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64,
        (DOUBLE, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => 1.0,
    };
    let width = match data_type {
        FLOAT | INT32 => 4,
        INT64 | DOUBLE => 8,
        _ => return Vec::new(),
    };
    raw.chunks_exact(width).map(number).collect()
}

#[cfg(test)]
mod tests;
