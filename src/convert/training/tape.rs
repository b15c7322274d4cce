//! Nodes of a graph under construction whose values are named by number.

use zerocopy::IntoBytes;

use crate::model::onnx::messages::{AttributeProto, DataType, NodeProto, TensorProto};
use crate::model::onnx::nodes::{MICROSOFT, Nodes, float, integer, integers};

/// Nodes and constants, in the order in which they were added.
#[derive(Default)]
pub(super) struct Tape {
    nodes: Nodes,
    constants: Vec<TensorProto>,
    values: usize,
}

impl Tape {
    /// Adds an ONNX operator with one output; returns its name.
    pub(super) fn op(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.op_with(operator, inputs, vec![])
    }

    /// The same, with attributes.
    pub(super) fn op_with(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let output = self.fresh();
        self.nodes.onnx(operator, inputs, &output, attributes)
    }

    /// Gives a value a name of the graph's face.
    pub(super) fn name(&mut self, value: &str, name: &str) {
        self.nodes.onnx("Identity", &[value], name, vec![]);
    }

    /// `left · right`, either of them transposed, and `+ sum` if there is one; matrices.
    pub(super) fn gemm(
        &mut self,
        left: Factor<'_>,
        right: Factor<'_>,
        sum: Option<&str>,
    ) -> String {
        let mut inputs = vec![left.name, right.name];
        inputs.extend(sum);
        let attributes = vec![
            integer("transA", left.transposed.into()),
            integer("transB", right.transposed.into()),
        ];
        self.op_with("Gemm", &inputs, attributes)
    }

    /// The same for stacks of matrices, without a sum.
    pub(super) fn stacked(&mut self, left: Factor<'_>, right: Factor<'_>, alpha: f32) -> String {
        let output = self.fresh();
        let attributes = vec![
            integer("transA", left.transposed.into()),
            integer("transB", right.transposed.into()),
            float("alpha", alpha),
        ];
        let inputs = [left.name, right.name];
        self.nodes
            .add(MICROSOFT, "FusedMatMul", &inputs, &[&output], attributes);
        output
    }

    /// The norm of the rows of `input`, and one over the root of their mean squares.
    pub(super) fn rms_norm(&mut self, input: &str, weight: &str, epsilon: f32) -> (String, String) {
        let (output, inverse) = (self.fresh(), self.fresh());
        let attributes = vec![float("epsilon", epsilon), integer("axis", -1)];
        let operator = "SimplifiedLayerNormalization";
        self.nodes.add(
            "",
            operator,
            &[input, weight],
            &[&output, &inverse],
            attributes,
        );
        (output, inverse)
    }

    /// Heads turned by their positions; `sin` says in which direction.
    pub(super) fn turned(&mut self, tokens: &str, sin: &str) -> String {
        let output = self.fresh();
        let tables = ["rotary_cos", sin];
        self.nodes.turned(tokens, "position_ids", tables, &output)
    }

    /// Axes in another order.
    pub(super) fn transposed(&mut self, input: &str, order: &[i64]) -> String {
        self.op_with("Transpose", &[input], vec![integers("perm", order)])
    }

    /// 16-bit floats as 32-bit ones.
    pub(super) fn floats(&mut self, input: &str) -> String {
        let output = self.fresh();
        self.nodes.cast_to_float(input, &output)
    }

    /// Adds a constant list of integers.
    pub(super) fn integers(&mut self, name: &str, values: &[i64]) {
        self.constants.push(TensorProto {
            dims: vec![values.len() as i64],
            data_type: Some(DataType::Int64.into()),
            name: Some(name.into()),
            raw_data: Some(values.as_bytes().to_vec()),
            ..TensorProto::default()
        });
    }

    /// The nodes, and the constants.
    pub(super) fn finish(self) -> (Vec<NodeProto>, Vec<TensorProto>) {
        (self.nodes.finish(), self.constants)
    }

    fn fresh(&mut self) -> String {
        self.values += 1;
        format!("value.{}", self.values)
    }
}

/// A factor of a product.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    name: &'a str,
    transposed: bool,
}

/// A factor as it is.
pub(super) fn plain(name: &str) -> Factor<'_> {
    Factor {
        name,
        transposed: false,
    }
}

/// The transpose of a factor.
pub(super) fn across(name: &str) -> Factor<'_> {
    Factor {
        name,
        transposed: true,
    }
}
