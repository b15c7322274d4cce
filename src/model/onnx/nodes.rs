//! A list of nodes under construction: every operator that the decoder graph uses, with its
//! inputs named once.

use std::collections::HashSet;

use super::messages::{
    AttributeProto, AttributeType, DataType, Dimension, DimensionValue, GraphProto, ModelProto,
    NodeProto, OperatorSetIdProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// The domain of ONNX Runtime's own operators.
pub(crate) const MICROSOFT: &str = "com.microsoft";

/// Nodes in topological order. Values are known by their names.
#[derive(Default)]
pub(crate) struct Nodes(Vec<NodeProto>);

impl Nodes {
    /// Adds an ONNX operator with one output; returns the output.
    pub fn onnx(
        &mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.add("", operator, inputs, &[output], attributes);
        output.into()
    }

    /// Adds a node.
    pub fn add(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.0.push(NodeProto {
            input: owned(inputs),
            output: owned(outputs),
            name: outputs.first().map(|&name| name.to_owned()),
            op_type: Some(operator.into()),
            attribute,
            domain: Some(domain.into()),
        });
    }

    /// Adds a node that is there already.
    pub fn push(&mut self, node: NodeProto) {
        self.0.push(node);
    }

    /// Heads turned by the positions of their tokens, by the angles of the tables `cos` and `sin`.
    pub fn turned(
        &mut self,
        tokens: &str,
        positions: &str,
        [cos, sin]: [&str; 2],
        output: &str,
    ) -> String {
        let attributes = vec![integer("interleaved", 0)];
        let inputs = [tokens, positions, cos, sin];
        self.add(MICROSOFT, "RotaryEmbedding", &inputs, &[output], attributes);
        output.into()
    }

    /// Converts to 32-bit floats.
    pub fn cast_to_float(&mut self, input: &str, output: &str) -> String {
        let to = integer("to", DataType::Float as i64);
        self.onnx("Cast", &[input], output, vec![to])
    }

    /// Converts to 16-bit floats.
    pub fn cast_to_half(&mut self, input: &str, output: &str) -> String {
        let to = integer("to", DataType::Float16 as i64);
        self.onnx("Cast", &[input], output, vec![to])
    }

    /// Converts to 64-bit integers.
    pub fn cast_to_integer(&mut self, input: &str, output: &str) -> String {
        let to = integer("to", DataType::Int64 as i64);
        self.onnx("Cast", &[input], output, vec![to])
    }

    /// The names of all values that the nodes take, those of branches among them.
    pub fn operands(&self) -> HashSet<&str> {
        let mut names = HashSet::new();
        let mut lists = vec![self.0.as_slice()];
        while let Some(nodes) = lists.pop() {
            for node in nodes {
                names.extend(node.input.iter().map(String::as_str));
                let graphs = node.attribute.iter().filter_map(|one| one.g.as_ref());
                lists.extend(graphs.map(|graph| graph.node.as_slice()));
            }
        }
        names
    }

    /// The nodes.
    pub fn finish(self) -> Vec<NodeProto> {
        self.0
    }
}

/// A model of one graph, with the operators that all graphs here are made of.
pub(crate) fn model_of(graph: GraphProto) -> ModelProto {
    let set = |domain: &str, version| OperatorSetIdProto {
        domain: Some(domain.into()),
        version: Some(version),
    };
    ModelProto {
        ir_version: Some(9),
        producer_name: Some("zerogr".into()),
        graph: Some(graph),
        opset_import: vec![set("", 18), set(MICROSOFT, 1)],
    }
}

/// An integer attribute.
pub(crate) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        i: Some(value),
        r#type: Some(AttributeType::Int.into()),
        ..AttributeProto::default()
    }
}

/// A text attribute.
pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        s: Some(value.into()),
        r#type: Some(AttributeType::Text.into()),
        ..AttributeProto::default()
    }
}

/// An attribute of several integers.
pub(crate) fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        ints: values.to_vec(),
        r#type: Some(AttributeType::Ints.into()),
        ..AttributeProto::default()
    }
}

/// A float attribute.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        f: Some(value),
        r#type: Some(AttributeType::Float.into()),
        ..AttributeProto::default()
    }
}

/// A subgraph attribute without inputs, whose one output is a float tensor of rank 2.
pub(crate) fn branch(name: &str, nodes: Nodes, output: &str) -> AttributeProto {
    let output = value(
        output,
        DataType::Float,
        &[axis("rows"), axis(&format!("{name}_columns"))],
    );
    AttributeProto {
        name: Some(name.into()),
        g: Some(GraphProto {
            node: nodes.finish(),
            name: Some(name.into()),
            output: vec![output],
            ..GraphProto::default()
        }),
        r#type: Some(AttributeType::Graph.into()),
        ..AttributeProto::default()
    }
}

/// An axis whose length is known when the graph runs.
pub(crate) fn axis(name: &str) -> Dimension {
    Dimension {
        value: Some(DimensionValue::DimParam(name.into())),
    }
}

/// An axis of fixed length.
pub(crate) fn fixed(len: usize) -> Dimension {
    Dimension {
        value: Some(DimensionValue::DimValue(len as i64)),
    }
}

/// An input or output of the graph.
pub(crate) fn value(name: &str, data_type: DataType, shape: &[Dimension]) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: Some(data_type.into()),
                shape: Some(TensorShapeProto {
                    dim: shape.to_vec(),
                }),
            }),
        }),
    }
}
