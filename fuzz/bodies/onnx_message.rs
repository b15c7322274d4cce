//! ONNX messages as bytes, right or wrong: fields, one behind the other.

/// The number of the type of 32-bit floats.
pub const FLOAT: u64 = 1;
/// The number of the type of 64-bit integers.
pub const INT64: u64 = 7;

fn varint(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A field that is a number.
pub fn number(field: u64, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(field << 3, &mut bytes);
    varint(value, &mut bytes);
    bytes
}

/// A field that is a text, bytes or a message.
pub fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(field << 3 | 2, &mut bytes);
    varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// A constant with its values.
pub fn tensor(name: &str, data_type: u64, dims: &[u64], raw: &[u8]) -> Vec<u8> {
    let mut tensor: Vec<u8> = dims.iter().flat_map(|&dim| number(1, dim)).collect();
    tensor.extend(number(2, data_type));
    tensor.extend(bytes(8, name.as_bytes()));
    tensor.extend(bytes(9, raw));
    tensor
}

/// A constant of 32-bit floats that says where its values are.
pub fn tensor_elsewhere(name: &str, dims: &[u64], place: &[(&str, &str)]) -> Vec<u8> {
    let mut tensor: Vec<u8> = dims.iter().flat_map(|&dim| number(1, dim)).collect();
    tensor.extend(number(2, FLOAT));
    tensor.extend(bytes(8, name.as_bytes()));
    for (key, value) in place {
        let pair = [bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat();
        tensor.extend(bytes(13, &pair));
    }
    tensor.extend(number(14, 1));
    tensor
}

/// A node with attributes that are messages already.
pub fn node(
    domain: &str,
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Vec<u8>],
) -> Vec<u8> {
    let mut node = Vec::new();
    for name in inputs {
        node.extend(bytes(1, name.as_bytes()));
    }
    for name in outputs {
        node.extend(bytes(2, name.as_bytes()));
    }
    node.extend(bytes(4, operator.as_bytes()));
    for attribute in attributes {
        node.extend(bytes(5, attribute));
    }
    node.extend(bytes(7, domain.as_bytes()));
    node
}

/// A graph, the content of a subgraph too.
pub fn graph(nodes: &[Vec<u8>], constants: &[Vec<u8>]) -> Vec<u8> {
    let nodes = nodes.iter().flat_map(|node| bytes(1, node));
    let constants = constants.iter().flat_map(|constant| bytes(5, constant));
    nodes.chain(constants).collect()
}

/// An attribute that holds a message: a tensor is its field 5, a graph 6.
pub fn attribute(name: &str, field: u64, content: &[u8]) -> Vec<u8> {
    [bytes(1, name.as_bytes()), bytes(field, content)].concat()
}

/// A model of a graph.
pub fn model(graph: &[u8]) -> Vec<u8> {
    let operators = [bytes(1, b""), number(2, 17)].concat();
    [number(1, 8), bytes(7, graph), bytes(8, &operators)].concat()
}

/// Token ids to vectors of `dim` values: a table and the look-up in it.
pub fn small_encoder(dim: u64) -> Vec<u8> {
    let table = tensor("table", FLOAT, &[8, dim], &vec![0; 32 * dim as usize]);
    let look_up = node(
        "",
        "Gather",
        &["table", "input_ids"],
        &["last_hidden_state"],
        &[],
    );
    model(&graph(&[look_up], &[table]))
}
