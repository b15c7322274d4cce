//! Integer products of imported graphs are the exact ones on processors that add two products in 16
//! bits, which saturate.

use prost::Message;

use super::checkpoint::{FAMILIES, write_folder};
use crate::convert::encoder::import_encoder;
use crate::convert::graph::quantize::{LARGEST_CODE, row_to_codes};
use crate::model::EncoderFiles;
use crate::model::language::WeightFormat;
use crate::model::onnx::messages::{DataType, ModelProto};
use crate::rng::Rng;

/// Operators that multiply unsigned bytes, made of their first input, by the signed bytes of their
/// second one.
const PRODUCTS: [&str; 2] = ["QAttention", "DynamicQuantizeMatMul"];

/// Operators that take signed bytes and do not multiply by them.
const LOOKUPS: [&str; 1] = ["Gather"];

/// Weights of a product, `[inputs, outputs]`.
struct Weights {
    name: String,
    outputs: usize,
    codes: Vec<i8>,
}

impl Weights {
    fn column(&self, output: usize) -> impl Iterator<Item = i8> {
        self.codes
            .iter()
            .skip(output)
            .step_by(self.outputs)
            .copied()
    }
}

/// The weights that a graph multiplies bytes by. All signed bytes in it belong to an operator that
/// is known here.
fn products(graph: &[u8]) -> Vec<Weights> {
    let graph = ModelProto::decode(graph).unwrap().graph.unwrap();
    let bytes = graph.initializer.into_iter();
    let bytes = bytes.filter(|tensor| tensor.data_type == Some(DataType::Int8.into()));
    let mut found = Vec::new();
    for tensor in bytes {
        let name = tensor.name.unwrap();
        let mut is_product = false;
        for node in graph.node.iter().filter(|node| node.input.contains(&name)) {
            let operator = node.op_type.as_deref().unwrap();
            match PRODUCTS.contains(&operator) {
                true => is_product |= node.input[1] == name,
                false => assert!(LOOKUPS.contains(&operator), "{operator} takes {name}"),
            }
        }
        if is_product {
            let codes = tensor.raw_data.unwrap();
            found.push(Weights {
                name,
                outputs: usize::try_from(tensor.dims[1]).unwrap(),
                codes: codes.into_iter().map(u8::cast_signed).collect(),
            });
        }
    }
    found
}

/// The sum of products as `vpmaddubsw` makes it: those of neighbours are added in 16 bits and
/// saturate, and their sums are added in 32.
fn saturating(activations: &[u8], codes: &[i8]) -> i32 {
    let product = |(&activation, &code): (&u8, &i8)| i16::from(activation) * i16::from(code);
    let pairs = activations.chunks(2).zip(codes.chunks(2));
    let of_pair = |(activations, codes): (&[u8], &[i8])| {
        let products = activations.iter().zip(codes).map(product);
        i32::from(products.fold(0, i16::saturating_add))
    };
    pairs.map(of_pair).sum()
}

fn exact(activations: &[u8], codes: &[i8]) -> i32 {
    let pairs = activations.iter().zip(codes);
    pairs
        .map(|(&activation, &code)| i32::from(activation) * i32::from(code))
        .sum()
}

/// Random activations, and the worst there are for some weights: all that is positive, at most.
fn activations(rng: &mut Rng, codes: &[i8]) -> [Vec<u8>; 3] {
    let random = codes
        .iter()
        .map(|_| (rng.unit_f32() * 256.0) as u8)
        .collect();
    let worst = |is_positive: bool| {
        let most = codes.iter().map(|&code| (code > 0) == is_positive);
        most.map(|is_most| if is_most { u8::MAX } else { 0 })
            .collect()
    };
    [random, worst(true), worst(false)]
}

fn is_exact(weights: &Weights, rng: &mut Rng, most_outputs: usize) {
    let step = weights.outputs.div_ceil(most_outputs);
    for output in (0..weights.outputs).step_by(step) {
        let codes: Vec<i8> = weights.column(output).collect();
        for activations in activations(rng, &codes) {
            let (found, wanted) = (
                saturating(&activations, &codes),
                exact(&activations, &codes),
            );
            assert_eq!(found, wanted, "{} output {output}", weights.name);
        }
    }
}

#[test]
fn products_of_every_family_are_exact_where_they_saturate() {
    let mut rng = Rng::new(3);
    for family in FAMILIES {
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), family, "mean");
        let to = dir.path().join("to");
        import_encoder(dir.path(), &to, WeightFormat::Int8, None, &mut |_, _| {}).unwrap();
        let products = products(&std::fs::read(to.join("model.onnx")).unwrap());
        // At least those of attention and feed-forward part, of each layer.
        assert!(products.len() >= 2 * 4, "{family}: {}", products.len());
        products
            .iter()
            .for_each(|weights| is_exact(weights, &mut rng, usize::MAX));
    }
}

#[test]
fn products_of_the_installed_encoder_are_exact_where_they_saturate() {
    let Ok(files) = EncoderFiles::installed() else {
        eprintln!("skipped: no encoder is installed");
        return;
    };
    let graph = &files.model[..files.model.len() - files.token_head_len_bytes];
    let products = products(graph);
    assert_eq!(products.len(), 6 * 4);
    let mut rng = Rng::new(4);
    products
        .iter()
        .for_each(|weights| is_exact(weights, &mut rng, 64));
}

/// Codes of eight bits do saturate: the comparison can fail.
#[test]
fn products_of_eight_bits_would_not_be_exact() {
    let mut rng = Rng::new(5);
    let row: Vec<f32> = (0..384).map(|_| rng.unit_f32() - 0.5).collect();
    let mut codes = vec![0; row.len()];
    row_to_codes(&row, LARGEST_CODE, &mut codes);
    let activations = activations(&mut rng, &codes);
    let differs =
        |activations: &&Vec<u8>| saturating(activations, &codes) != exact(activations, &codes);
    assert_eq!(activations.iter().filter(differs).count(), 3);
}
