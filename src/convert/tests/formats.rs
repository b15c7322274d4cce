//! The graph of each weight format equals the reference over the rounded weights.

use std::ops::Range;

use half::f16;

use crate::Result;
use crate::convert::graph::quantize::{
    BLOCK, LARGEST_SAFE_CODE, block_to_4_bits, block_to_8_bits, row_to_codes,
};
use crate::convert::{
    CUDA_GRAPH_FILE, DecoderConfig, RandomTensors, TensorSource, random_decoder, write_decoder,
};
use crate::model::language::WeightFormat;

use super::graph::{FAMILIES, small, tokens, wide};
use super::reference;
use super::session::Decoder;

/// Tensors whose matrices have what is left of their values in a weight format.
pub struct Rounded {
    pub exact: RandomTensors,
    pub format: WeightFormat,
}

impl TensorSource for Rounded {
    fn names(&self) -> Vec<String> {
        self.exact.names()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.exact.shape(name)
    }

    fn read_rows(&self, name: &str, rows: Range<usize>, to: &mut [f32]) -> Result<()> {
        self.exact.read_rows(name, rows.clone(), to)?;
        if self.shape(name).is_some_and(|shape| shape.len() == 2) {
            let width = to.len() / rows.len();
            let is_linear = name.contains("_proj.");
            let has_outliers = name.contains("down_proj");
            for row in to.chunks_exact_mut(width) {
                match self.format {
                    WeightFormat::F32 => {}
                    WeightFormat::F16 => row
                        .iter_mut()
                        .for_each(|value| *value = f16::from_f32(*value).to_f32()),
                    WeightFormat::Int8 if is_linear && !has_outliers => as_int8(row),
                    WeightFormat::Int4 if is_linear && !has_outliers => {
                        row.chunks_exact_mut(BLOCK).for_each(as_4_bits)
                    }
                    _ => row.chunks_exact_mut(BLOCK).for_each(as_8_bits),
                }
            }
        }
        Ok(())
    }
}

fn as_int8(row: &mut [f32]) {
    let mut codes = vec![0; row.len()];
    let scale = row_to_codes(row, LARGEST_SAFE_CODE, &mut codes);
    let values = codes.into_iter().map(|code| f32::from(code) * scale);
    row.iter_mut().zip(values).for_each(|(to, x)| *to = x);
}

fn as_8_bits(block: &mut [f32]) {
    let mut codes = [0; BLOCK];
    let scale = block_to_8_bits(block, &mut codes);
    let values = codes.map(|code| (f32::from(code) - 128.0) * scale);
    block.copy_from_slice(&values);
}

fn as_4_bits(block: &mut [f32]) {
    let mut pairs = [0; BLOCK / 2];
    let (scale, zero) = block_to_4_bits(block, &mut pairs);
    let codes = pairs.into_iter().flat_map(|pair| [pair & 15, pair >> 4]);
    let values = codes.map(|code| (f32::from(code) - f32::from(zero)) * scale);
    block.iter_mut().zip(values).for_each(|(to, x)| *to = x);
}

/// The logits of the last token of a text, by each graph.
fn of_graphs(
    config: &DecoderConfig,
    format: WeightFormat,
    text: &[usize],
) -> Vec<(String, Vec<f32>)> {
    let dir = tempfile::tempdir().unwrap();
    random_decoder(dir.path(), config, 7).unwrap();
    let source = RandomTensors::new(config.clone(), 7);
    write_decoder(dir.path(), config, &source, format, &mut || ()).unwrap();
    let graphs = Decoder::open_both(dir.path()).into_iter();
    graphs
        .map(|mut decoder| (decoder.graph.clone(), decoder.feed(&wide(text))))
        .collect()
}

/// The root of the mean square of the differences.
pub fn rms_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    (squares.sum::<f32>() / a.len() as f32).sqrt()
}

#[test]
fn every_format_equals_the_reference_over_its_rounded_weights() {
    // Logits here are of the order of 1. The integer formats round activations too, to 8 bits,
    // which moves logits about as much as rounding the weights to 8 bits does.
    for (format, tolerance, tells_rounding) in [
        (WeightFormat::F32, 1e-5, false),
        (WeightFormat::F16, 1e-5, true),
        (WeightFormat::Int8, 0.06, false),
        (WeightFormat::Int4, 0.04, true),
    ] {
        for family in FAMILIES {
            let config = small(family);
            let exact = RandomTensors::new(config.clone(), 7);
            let text = tokens(1, 20, config.vocab);
            let last = |source: &dyn TensorSource| {
                reference::text_logits(&config, source, &text).swap_remove(text.len() - 1)
            };
            let unrounded = last(&exact);
            let rounded = last(&Rounded { exact, format });
            let moved = rms_difference(&rounded, &unrounded);
            for (graph, found) in of_graphs(&config, format, &text) {
                let off = rms_difference(&found, &rounded);
                // The graph for CUDA multiplies 16-bit floats as such, which rounds activations.
                let halves = format == WeightFormat::F16 && graph == CUDA_GRAPH_FILE;
                let tolerance = if halves { 1e-3 } else { tolerance };
                let what = format!("{graph} {format} {family:?}");
                assert!(off <= tolerance, "{what}: off by {off}");
                assert!(
                    !tells_rounding || halves || 5.0 * off < moved,
                    "{what}: off by {off}, and rounding moves by {moved}"
                );
            }
        }
    }
}
