//! The graph equals the reference: prefill, decoding, trees, chosen rows and columns.

use crate::convert::{
    Architecture, Biases, DecoderConfig, RandomTensors, RopeScaling, random_decoder,
};
use crate::rng::Rng;

use super::reference;
use super::session::{Decoder, Step};

/// A small decoder of each family.
pub fn small(architecture: Architecture) -> DecoderConfig {
    DecoderConfig {
        architecture,
        hidden: 96,
        layers: 3,
        heads: 6,
        kv_heads: if architecture == Architecture::Qwen3 {
            6
        } else {
            2
        },
        head_dim: if architecture == Architecture::Qwen3 {
            32
        } else {
            16
        },
        feed_forward: 160,
        vocab: 300,
        max_positions: 64,
        rms_norm_epsilon: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: match architecture {
            Architecture::Llama => RopeScaling::Llama3 {
                factor: 8.0,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_positions: 32.0,
            },
            Architecture::Mistral => RopeScaling::None,
            Architecture::Qwen2 => RopeScaling::Linear { factor: 2.0 },
            Architecture::Qwen3 => RopeScaling::Divisors((0..16).map(|i| 1.0 + i as f32).collect()),
        },
        tied_head: matches!(architecture, Architecture::Llama | Architecture::Qwen3),
        biases: Biases {
            qkv: architecture == Architecture::Qwen2,
            ..Biases::default()
        },
    }
}

pub const FAMILIES: [Architecture; 4] = [
    Architecture::Llama,
    Architecture::Mistral,
    Architecture::Qwen2,
    Architecture::Qwen3,
];

pub fn tokens(seed: u64, count: usize, vocab: usize) -> Vec<usize> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.index(vocab)).collect()
}

pub fn wide(tokens: &[usize]) -> Vec<i64> {
    tokens.iter().map(|&token| token as i64).collect()
}

pub fn greatest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

/// Logits here are of the order of 1.
const TOLERANCE: f32 = 2e-5;

fn assert_equal(found: &[f32], want: &[f32], what: &str) {
    let difference = greatest_difference(found, want);
    assert!(difference <= TOLERANCE, "{what}: off by {difference}");
    assert!(
        want.iter().any(|x| x.abs() > 0.1),
        "{what}: nothing to compare"
    );
}

#[test]
fn every_family_equals_the_reference_in_prefill_and_decoding() {
    for family in FAMILIES {
        let config = small(family);
        let dir = tempfile::tempdir().unwrap();
        random_decoder(dir.path(), &config, 7).unwrap();
        let source = RandomTensors::new(config.clone(), 7);
        let text = tokens(1, 20, config.vocab);
        let want = reference::text_logits(&config, &source, &text);
        for mut decoder in Decoder::open_both(dir.path()) {
            // A prefill in two parts, then one token at a time.
            for (from, to) in [(0, 9), (9, 15), (15, 16), (16, 17), (17, 20)] {
                let found = decoder.feed(&wide(&text[from..to]));
                let what = format!("{family:?} {} {from}..{to}", decoder.graph);
                assert_equal(&found, &want[to - 1], &what);
            }
        }
    }
}

#[test]
fn biases_wherever_a_linear_layer_has_them_equal_the_reference() {
    let mut config = small(Architecture::Llama);
    config.biases = Biases {
        qkv: true,
        attention_output: true,
        feed_forward: true,
    };
    let dir = tempfile::tempdir().unwrap();
    random_decoder(dir.path(), &config, 7).unwrap();
    let source = RandomTensors::new(config.clone(), 7);
    let text = tokens(1, 20, config.vocab);
    let want = reference::text_logits(&config, &source, &text);
    config.biases = Biases::default();
    let without = reference::text_logits(&config, &source, &text);
    assert!(greatest_difference(&want[19], &without[19]) > 0.1);
    for mut decoder in Decoder::open_both(dir.path()) {
        for (from, to) in [(0, 9), (9, 10), (10, 20)] {
            let found = decoder.feed(&wide(&text[from..to]));
            let what = format!("{} {from}..{to}", decoder.graph);
            assert_equal(&found, &want[to - 1], &what);
        }
    }
}

#[test]
fn a_tree_of_continuations_equals_each_path_alone() {
    for family in FAMILIES {
        let config = small(family);
        let dir = tempfile::tempdir().unwrap();
        random_decoder(dir.path(), &config, 8).unwrap();
        let source = RandomTensors::new(config.clone(), 8);
        let prompt = tokens(2, 10, config.vocab);
        // node -> its parent; None is the end of the prompt
        let parents = [
            None,
            None,
            Some(0),
            Some(0),
            Some(2),
            Some(1),
            Some(4),
            None,
        ];
        let nodes = tokens(3, parents.len(), config.vocab);
        let path = |mut node: usize| {
            let mut path = vec![node];
            while let Some(parent) = parents[node] {
                path.insert(0, parent);
                node = parent;
            }
            path
        };
        let sees = |_: usize, i: usize, j: usize| {
            j < prompt.len() || path(i).contains(&(j - prompt.len()))
        };
        let depth = |node: usize| (prompt.len() + path(node).len() - 1) as i64;
        let columns = vec![5, 299, 0, 17, 17];
        for mut decoder in Decoder::open_both(dir.path()) {
            decoder.feed(&wide(&prompt));
            let mut step = Step {
                tokens: &[wide(&nodes)],
                positions: &[(0..nodes.len()).map(depth).collect()],
                sees: &sees,
                lengths: vec![(prompt.len() + nodes.len()) as i32],
                rows: vec![6, 0, 3, 7],
                columns: columns.clone(),
            };
            let some = decoder.run(&step, false);
            step.columns.clear();
            let all = decoder.run(&step, false);
            for (at, &row) in step.rows.iter().enumerate() {
                let mut text = prompt.clone();
                text.extend(path(row as usize).iter().map(|&node| nodes[node]));
                let want = reference::text_logits(&config, &source, &text);
                let want = want.last().unwrap();
                assert_equal(
                    &all[at],
                    want,
                    &format!("{family:?} {} node {row}", decoder.graph),
                );
                let want: Vec<f32> = columns.iter().map(|&c| want[c as usize]).collect();
                assert_equal(
                    &some[at],
                    &want,
                    &format!("{family:?} {} columns of node {row}", decoder.graph),
                );
            }
        }
    }
}

#[test]
fn rows_of_different_lengths_equal_each_row_alone() {
    let config = small(Architecture::Llama);
    let dir = tempfile::tempdir().unwrap();
    random_decoder(dir.path(), &config, 9).unwrap();
    for decoder in Decoder::open_both(dir.path()) {
        check_rows_of_different_lengths(decoder, &config);
    }
}

fn check_rows_of_different_lengths(mut decoder: Decoder, config: &DecoderConfig) {
    let source = RandomTensors::new(config.clone(), 9);
    let mut texts: Vec<Vec<usize>> = [3, 8, 5].map(|len| tokens(len as u64, len, 300)).into();
    decoder.forget(texts.len());
    let widest = 8;
    let padded: Vec<Vec<i64>> = texts
        .iter()
        .map(|text| {
            let mut line = wide(text);
            line.resize(widest, 0);
            line
        })
        .collect();
    let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
    let prefill = Step {
        tokens: &padded,
        positions: &vec![(0..widest as i64).collect(); 3],
        sees: &|row, _, j| j < lengths[row],
        lengths: lengths.iter().map(|&n| n as i32).collect(),
        rows: lengths
            .iter()
            .enumerate()
            .map(|(row, n)| (row * widest + n - 1) as i64)
            .collect(),
        columns: vec![],
    };
    let found = decoder.run(&prefill, false);
    for (text, found) in texts.iter().zip(&found) {
        let want = reference::text_logits(config, &source, text);
        assert_equal(found, want.last().unwrap(), "padded row");
    }
    // Decoding goes on with one new token per row, behind rows of equal length.
    for text in &mut texts {
        text.truncate(3);
    }
    let lines: Vec<Vec<i64>> = texts.iter().map(|text| wide(text)).collect();
    let first = Step {
        tokens: &lines,
        positions: &vec![vec![0, 1, 2]; 3],
        sees: &|_, _, _| true,
        lengths: vec![3; 3],
        rows: vec![],
        columns: vec![],
    };
    assert!(decoder.run(&first, true).is_empty());
    let next = [vec![11], vec![12], vec![13]];
    let second = Step {
        tokens: &next,
        positions: &vec![vec![3]; 3],
        sees: &|_, _, _| true,
        lengths: vec![4; 3],
        rows: vec![0, 1, 2],
        columns: vec![],
    };
    let found = decoder.run(&second, true);
    for ((text, next), found) in texts.iter_mut().zip(next).zip(&found) {
        text.push(next[0] as usize);
        let want = reference::text_logits(config, &source, text);
        assert_equal(found, want.last().unwrap(), "batched decoding");
    }
}
